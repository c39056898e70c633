-- From packets to frames. TCP hands over what it has in order; what is not whole yet is asked for again with more.

do
  local PREFIX, HEAD = TABLES.banner.prefix, TABLES.banner.head
  local ENOUGH = 5
  local MORE = DESEGMENT_ONE_MORE_SEGMENT

  local function not_read(tvb, at, tree, expert_name, text)
    local range = tvb:range(at)
    local item = tree:add(msgr2, range, "Ceph Messenger v2, " .. text)
    local field = expert_name == "locked" and fields.sealed or fields.unread
    payload.complain(item:add(field, range), expert_name, text)
    return tvb:len() - at, expert_name == "locked" and "Encrypted" or "Not read"
  end

  -- Returns how many bytes are missing, where it makes sense to wait for them.
  local function wait(tvb, at, tree, pinfo, side, missing)
    if pinfo.can_desegment > 0 and tvb:reported_len() == tvb:len() then return nil, missing end
    if not pinfo.visited then side.lost = true end
    return not_read(tvb, at, tree, "short", "not all of it was captured, or can be put together")
  end

  local function banner(tvb, at, pinfo, tree, side)
    local left = tvb:len() - at
    if left < HEAD then return wait(tvb, at, tree, pinfo, side, MORE) end
    local size = HEAD + tvb:range(at + #PREFIX, 2):le_uint()
    if left < size then return wait(tvb, at, tree, pinfo, side, size - left) end
    local item = tree:add(msgr2, tvb:range(at, size), "Ceph Messenger v2, banner")
    local supported, extended = showing.banner(item, tvb, at, size)
    if not pinfo.visited then
      if not side.supported then side.supported, side.extended = supported, extended end
      if not supported then side.lost = true end
    end
    return size, "banner"
  end

  local EXPLAINED = {
    lost = "it is not known where a frame begins",
    broken = "this is no preamble, or a damaged one",
  }

  local function unreadable(tvb, at, pinfo, tree, connection, side, why, head)
    if why == "locked" then
      local text = "encrypted, and the key log has no secret that fits"
      if #connection.secrets == 0 then text = "encrypted; " .. (keylog.trouble or "no key log has its secret") end
      return not_read(tvb, at, tree, "locked", text)
    end
    local place = ("%d:%d:%d"):format(pinfo.number, at, tvb:len())
    if not pinfo.visited then
      side.notes[place] = not side.lost and "here" or nil
      side.lost = true
    end
    local used, short = not_read(tvb, at, tree, "lost", EXPLAINED[why])
    if head and side.notes[place] then  -- until here all was well, so this was to be a preamble
      showing.preamble(tree:add(msgr2, tvb:range(at, opening.preamble_size)), tvb, at, head)
    end
    return used, short
  end

  -- Shows the frame or the banner at `at`. Returns how many bytes it has and the short of it, or nil and how many are
  -- missing.
  local function one(tvb, at, pinfo, tree, connection, side, other)
    local left = tvb:len() - at
    if tvb:range(at, math.min(left, #PREFIX)):raw() == PREFIX:sub(1, left) and not side.supported or
      left >= #PREFIX and tvb:range(at, #PREFIX):raw() == PREFIX then
      return banner(tvb, at, pinfo, tree, side)
    end
    if side.secure and #connection.secrets == 0 and pinfo.number > side.secure then
      local enough = left >= opening.preamble_size
      if not enough or not following.parts(connection, tvb:range(at, opening.preamble_size):raw()) then
        return unreadable(tvb, at, pinfo, tree, connection, side, "locked")
      end
    end
    if left < opening.preamble_size then
      if side.lost and not pinfo.visited then
        return unreadable(tvb, at, pinfo, tree, connection, side, "lost")
      end
      return wait(tvb, at, tree, pinfo, side, MORE)
    end
    local raw = tvb:range(at, opening.preamble_size):raw()
    local head, reading, broken = following.head(connection, side, raw, pinfo)
    if not head then return unreadable(tvb, at, pinfo, tree, connection, side, reading, broken) end
    local revision = following.revision(connection)
    local plan
    if not head.wrong then
      plan = reading and opening.secure_plan(head, revision) or opening.crc_plan(head, revision)
    end
    if not plan or plan.size > opening.most then
      if not pinfo.visited then side.lost = true end
      local item = tree:add(msgr2, tvb:range(at, opening.preamble_size))
      if not reading then showing.preamble(item, tvb, at, head) end
      return not_read(tvb, at, tree, "malformed", head.wrong or "a frame that is too long to be one")
    end
    if left < plan.size then return wait(tvb, at, tree, pinfo, side, plan.size - left) end

    local item = tree:add(msgr2, tvb:range(at, plan.size), "Ceph Messenger v2")
    if reading then item:add(fields.sealed, tvb:range(at, plan.size)) end
    local frame = reading and opening.secure_frame(tvb, at, reading, revision)
      or opening.crc_frame(tvb, at, head, plan, revision)
    if not pinfo.visited then following.expect(connection, side, other, head.tag) end
    local found, short = showing.frame(item, tvb, frame, connection, side)
    item:append_text(", " .. short)
    local place = ("%d:%d:%d"):format(pinfo.number, at, tvb:len())
    if not pinfo.visited then
      side.lost = nil
      if not reading or reading.count >= side.count then
        side.notes[place] = following.met(connection, side, other, frame, found, pinfo)
      end
      if reading then side.count = math.max(side.count, reading.count + #plan.blocks) end
    end
    if side.notes[place] then payload.complain(item, "order", side.notes[place]) end
    return plan.size, short
  end

  local function dissect(tvb, pinfo, tree, connection, side, other)
    local at, size, told = 0, tvb:len(), {}
    while at < size do
      local used, short = one(tvb, at, pinfo, tree, connection, side, other)
      if not used then
        pinfo.desegment_offset = at
        pinfo.desegment_len = short
        break
      end
      told[#told + 1] = short
      at = at + used
    end
    pinfo.cols.protocol = "MSGR2"
    if #told > 0 then
      pinfo.cols.info:clear()
      pinfo.cols.info:append(table.concat(told, ", ") .. " ")
      pinfo.cols.info:fence()
    end
    return size
  end

  -- A banner may come in pieces; so few bytes as to be in anybody's first words are none.
  local function begins_with_banner(tvb)
    local size = math.min(tvb:len(), #PREFIX)
    return size >= ENOUGH and tvb:range(0, size):raw() == PREFIX:sub(1, size)
  end

  -- Tells whether a connection shows itself to be one of msgr2, and whether it began before the capture.
  local function shows(tvb)
    if begins_with_banner(tvb) then return true, false end
    local enough = tvb:len() >= opening.preamble_size
    local joined = enough and following.is_preamble(tvb:range(0, opening.preamble_size):raw())
    return joined, joined
  end

  local function take(tvb, pinfo, tree)
    local connection, side, other = following.find(pinfo)
    if not connection then
      local found, joined = shows(tvb)
      if not found then return 0 end
      connection, side, other = following.begin(pinfo, joined)
    elseif side.supported and side.phase > 0 and not pinfo.visited and begins_with_banner(tvb) then
      connection, side, other = following.begin(pinfo, false)  -- the ports were used before
    end
    return dissect(tvb, pinfo, tree, connection, side, other)
  end

  local function guess(tvb, pinfo, tree)
    if not following.find(pinfo) and not shows(tvb) then return false end
    pinfo.conversation = msgr2
    return take(tvb, pinfo, tree) > 0
  end

  msgr2.dissector = take

  local prefs = msgr2.prefs
  prefs.keylog = Pref.string("Key log", "", "A file with lines of " .. TABLES.keylog.label
    .. " CLIENT SERVER HEX, for the connections in secure mode; msgr writes it where MSGR_KEYLOG names a file")
  prefs.check = Pref.bool("Check checksums and tags", true, "Check CRC32C checksums of segments, and AES-GCM tags")
  prefs.longest = Pref.uint("Longest part to be decrypted", opening.longest,
    "How many bytes of each segment are decrypted; 0 is all of them. Tags are checked over all bytes anyway")
  prefs.ports = Pref.range("TCP ports", "3300,6800-7568",
    "Ports that are asked for msgr2 before other protocols; on others it is found by its banner", 65535)

  local ports, taken = DissectorTable.get("tcp.port"), nil

  local function settle()
    keylog.path = prefs.keylog
    keylog.load()
    opening.checks, opening.longest = prefs.check, prefs.longest
    local wanted = tostring(prefs.ports)
    if wanted ~= taken then
      if taken and taken ~= "" then ports:remove(taken, msgr2) end
      if wanted ~= "" then ports:add(wanted, msgr2) end
      taken = wanted
    end
  end

  msgr2.prefs_changed = settle

  function msgr2.init()
    following.forget()
    settle()
  end

  msgr2:register_heuristic("tcp", guess)
  settle()
end
