-- Shows banners and frames in the tree of details.

local showing = {}

do
  local GOOD, BAD, UNCHECKED = 1, 0, 2

  local function status_of(right)
    if right == nil then return UNCHECKED end
    return right and GOOD or BAD
  end

  local function checksum(tree, path, range, right, actual)
    local item = tree:add_le(fields[path], range)
    tree:add(fields[path .. ".status"], range, status_of(right)):set_generated()
    if right == false then
      local text = ("checksum 0x%08x, its bytes give 0x%08x"):format(range:le_uint(), actual)
      payload.complain(item, "checksum.bad", text)
    end
  end

  -- Shows a preamble that stands at `base` of a tvb.
  function showing.preamble(tree, view, base, head)
    local item = tree:add(fields.preamble, view:range(base, opening.preamble_size))
    item:add(fields["preamble.count"], view:range(base + 1, 1))
    local slots = math.min(head.count, 4)
    for index = 0, slots - 1 do
      item:add_le(fields["preamble.length"], view:range(base + 2 + index * 6, 4))
      item:add_le(fields["preamble.alignment"], view:range(base + 6 + index * 6, 2))
    end
    if slots < 4 then item:add(fields["preamble.unused"], view:range(base + 2 + slots * 6, (4 - slots) * 6)) end
    item:add(fields["preamble.flags"], view:range(base + 26, 1))
    item:add(fields["preamble.compressed"], view:range(base + 26, 1), head.compressed):set_generated()
    item:add(fields["preamble.reserved"], view:range(base + 27, 1))
    local range = view:range(base + 28, 4)
    local actual = head.right or crc32c.of(view:range(base, 28):raw(), crc32c.preamble_seed)
    checksum(item, "preamble.checksum", range, head.right, actual)
    if head.wrong then payload.complain(item, "malformed", head.wrong) end
  end

  -- Shows what of a frame is neither preamble nor payload.
  local function rest(tree, frame, tvb)
    for index, segment in ipairs(frame.segments) do
      if segment.shown > 0 then
        local item = tree:add(fields.segment, segment.view:range(segment.at, segment.shown))
        item:set_text(("Segment %d: %d bytes"):format(index - 1, segment.length))
        if segment.shown < segment.length then item:append_text((", of which %d are shown"):format(segment.shown)) end
      end
    end
    for _, sum in ipairs(frame.sums) do
      checksum(tree, "segment.checksum", frame.view:range(sum.at, 4), sum.right, sum.actual)
    end
    if frame.late_value then
      local at = frame.late_at or frame.base + frame.plan.late
      tree:add(fields.late, frame.view:range(at, 1))
    end
    for _, seal in ipairs(frame.seals or {}) do
      local range = tvb:range(seal.at, gcm.tag_size)
      local item = tree:add(fields.seal, range)
      tree:add(fields["seal.status"], range, status_of(seal.right)):set_generated()
      if seal.right == false then payload.complain(item, "seal.bad", "what is encrypted does not verify") end
    end
  end

  -- Unpacks the segments of a compressed frame; returns whether all of them could be.
  local function unpacked(frame, algorithm)
    local segments = {}
    for index, segment in ipairs(frame.segments) do
      segments[index] = segment
      if segment.length > 0 then
        if segment.shown < segment.length then return false end
        local bytes = unpack.segment(algorithm, segment.view:range(segment.at, segment.length))
        if not bytes then return false end
        local view = segment.view
        if #bytes > 0 then view = ByteArray.new(bytes, true):tvb(("Unpacked segment %d"):format(index - 1)) end
        segments[index] = {view = view, at = 0, length = #bytes, shown = #bytes}
      end
    end
    frame.segments = segments
    return true
  end

  -- Shows a frame; returns what it says, and the short of it.
  function showing.frame(tree, tvb, frame, connection, side)
    local revision, algorithm = following.revision(connection), connection.algorithm
    local extended = following.is_extended(connection)
    local head = frame.head
    tree:add(fields.tag, frame.view:range(frame.base, 1))
    if side.role then tree:add(fields.from, tvb:range(0, 0), side.role):set_generated() end
    tree:add(fields.revision, tvb:range(0, 0), revision == 1 and "2.1" or "2.0"):set_generated()
    tree:add(fields.protection, tvb:range(0, 0), frame.seals and "secure" or "crc"):set_generated()
    tree:add(fields.size, tvb:range(0, 0), frame.plan.size):set_generated()
    showing.preamble(tree, frame.view, frame.base, head)
    rest(tree, frame, tvb)
    local name = TABLES.tags[head.tag] or ("tag %d"):format(head.tag)
    if frame.wrong then payload.complain(tree, "malformed", frame.wrong) end
    if frame.aborted then
      tree:add(fields.aborted, tvb:range(0, 0), true):set_generated()
      payload.complain(tree, "aborted", "withdrawn by its sender on its way: it is not to be looked at")
    end
    if frame.wrong or frame.aborted then return nil, name end
    if head.compressed then
      local known = TABLES.names.algorithm[algorithm] or "an unknown algorithm"
      if algorithm then tree:add(fields.compression, tvb:range(0, 0), algorithm):set_generated() end
      if not algorithm or not unpacked(frame, algorithm) then
        payload.complain(tree, "packed", ("compressed by %s, which is not unpacked here"):format(known))
        return nil, name .. " (compressed)"
      end
    end
    if TABLES.ours[head.tag] and not extended and not side.joined then
      payload.complain(tree, "malformed", name .. ", and not both banners have MSGR_EXT")
    end
    if head.tag == TABLES.tag.MESSAGE then return nil, payload.message(tree, frame, extended) end
    if head.tag == TABLES.tag.MESSAGE_PART then return nil, payload.part(tree, frame) end
    return payload.control(tree, frame)
  end

  -- Shows a banner of `size` bytes; returns the first byte of its word of supported features, or nil, and whether that
  -- word has MSGR_EXT.
  function showing.banner(tree, view, base, size)
    local item = tree:add(fields.banner, view:range(base, size))
    local prefix = #TABLES.banner.prefix
    item:add(fields["banner.prefix"], view:range(base, prefix))
    item:add_le(fields["banner.length"], view:range(base + prefix, 2))
    local head = TABLES.banner.head
    local found, reader = payload.read(item, view, base + head, base + size, "banner", TABLES.banner.layout)
    if found and reader:left() > 0 then item:add(fields["banner.more"], reader:take(reader:left())) end
    if not found then return nil, false end
    local bit = TABLES.banner.extension
    local byte = view:range(base + head + math.floor(bit / 8), 1):uint()
    return view:range(base + head, 1):uint(), math.floor(byte / 2 ^ (bit % 8)) % 2 == 1
  end
end
