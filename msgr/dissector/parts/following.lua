-- What is known of each connection. Wireshark shows packets more than once and in any order, after it has gone through
-- them in order: what was found out then is kept with the frames, and read again later.

local following = {}

do
  local WINDOW, PATIENCE = 64, 256
  local connections = {}

  function following.forget()
    connections = {}
  end

  local function new_side()
    return {
      phase = 0, count = 0, failures = 0,
      known = {},  -- of encrypted frames, by their first 32 bytes, what is not found out again
      notes = {},  -- what is wrong with frames, by where they were met
    }
  end

  -- Connections are told apart by their two ends and by when they began. What Wireshark numbers them by is not at hand
  -- while it goes through the packets for the first time.
  local function slot(pinfo)
    local low, high = math.min(pinfo.src_port, pinfo.dst_port), math.max(pinfo.src_port, pinfo.dst_port)
    local key = ("%d:%d"):format(low, high)
    connections[key] = connections[key] or {}
    return connections[key]
  end

  local function is_end(host, address, port)
    return host.port == port and host.address == address
  end

  -- Returns the connection of a packet, its side that sent it, and the other side; or nil.
  function following.find(pinfo)
    local known = slot(pinfo)
    for index = #known, 1, -1 do
      local each = known[index]
      if each.since <= pinfo.number then
        local source, target = pinfo.src, pinfo.dst
        local first, second = each.sides[1], each.sides[2]
        if is_end(first, source, pinfo.src_port) and is_end(second, target, pinfo.dst_port) then
          return each, first, second
        elseif is_end(second, source, pinfo.src_port) and is_end(first, target, pinfo.dst_port) then
          return each, second, first
        end
      end
    end
    return nil
  end

  -- Begins a connection with a packet; `joined` if it began before the capture. Returns what `find` does.
  function following.begin(pinfo, joined)
    local first, second = new_side(), new_side()
    first.address, first.port = pinfo.src, pinfo.src_port
    second.address, second.port = pinfo.dst, pinfo.dst_port
    first.joined, second.joined = joined, joined
    local known = slot(pinfo)
    known[#known + 1] = {since = pinfo.number, sides = {first, second}}
    return known[#known], first, second
  end

  -- Returns 1 for msgr2.1 and 0 for msgr2.0. Where one banner only was captured, that alone decides.
  function following.revision(connection)
    local revision = 1
    for _, side in ipairs(connection.sides) do
      if side.supported and side.supported % 2 == 0 then revision = 0 end
    end
    return revision
  end

  -- Tells whether both banners have MSGR_EXT. Where one only was captured, that alone decides.
  function following.is_extended(connection)
    local known, all = false, true
    for _, side in ipairs(connection.sides) do
      if side.supported then known, all = true, all and side.extended end
    end
    return known and all
  end

  -- Returns the head of a NODE_REJECT in crc mode: who likes no answer does not go by it (NODE-8). Or nil.
  function following.parts(connection, raw)
    if raw:byte(1) ~= TABLES.tag.NODE_REJECT or not following.is_extended(connection) then return nil end
    local head = opening.preamble(raw)
    return head.right and head or nil
  end

  -- Tells whether a preamble of crc mode may be there: what a connection can be met by that began before the capture.
  function following.is_preamble(raw)
    local tag, count = raw:byte(1, 2)
    if not TABLES.tags[tag] or count < 1 or count > 4 or raw:byte(27) > 1 then return false end
    local head = opening.preamble(raw)
    return head.right and not head.wrong
  end

  -- From the next frame on, both sides encrypt. `server` is the side that said AUTH_DONE.
  local function lock(connection, server, client, pinfo)
    local function secrets()
      local found = keylog.secrets(pinfo.dst, pinfo.dst_port, pinfo.src, pinfo.src_port)
      if connection.raced then  -- each end may have written itself down as the client
        for _, secret in ipairs(keylog.secrets(pinfo.src, pinfo.src_port, pinfo.dst, pinfo.dst_port)) do
          found[#found + 1] = secret
        end
      end
      return found
    end
    connection.secrets = secrets()
    if #connection.secrets == 0 then  -- a capture that is still going on: the log may have grown
      keylog.load()
      connection.secrets = secrets()
    end
    server.secure, client.secure = pinfo.number, pinfo.number
  end

  local function attempt(connection, side, secret, raw, count)
    local revision = following.revision(connection)
    connection.keys = connection.keys or {}
    local key = connection.keys[secret] or gcm.key(secret:sub(1, 16))
    connection.keys[secret] = key
    local first = side.role == "server" and secret:sub(17, 28) or secret:sub(29, 40)
    local head = opening.preamble(gcm.decrypt(key, gcm.nonce(first, count, revision), raw, 0))
    if not head.right then return nil end
    connection.secrets, connection.opened = {secret}, true
    return {head = head, key = key, first_nonce = first, count = count, kept = {count = count, secret = secret}}
  end

  -- Finds out how an encrypted frame is read that begins with these 32 bytes. After a gap it is not known how many
  -- came before; a few numbers are tried.
  local function unlock(connection, side, raw)
    if side.failures > PATIENCE then return nil end
    for ahead = 0, side.count > 0 and WINDOW or 0 do
      for _, secret in ipairs(connection.secrets) do
        local reading = attempt(connection, side, secret, raw, side.count + ahead)
        if reading then
          side.known[raw] = reading.kept
          return reading
        end
      end
    end
    side.failures = side.failures + 1
    return nil
  end

  -- Returns the head of the frame that begins with these 32 bytes, and how it is read if it is encrypted; or nil and
  -- why there is none: "locked", "lost" (it is not known where frames begin), or "broken" (it is, and this one is bad).
  function following.head(connection, side, raw, pinfo)
    local kept, reading = side.known[raw], nil
    if kept then
      reading = attempt(connection, side, kept.secret, raw, kept.count)
      reading.kept = kept
    elseif side.secure then
      local parting = following.parts(connection, raw)
      if parting then return parting end
      local sealed = not pinfo.visited
      if sealed and #connection.secrets > 0 then reading = unlock(connection, side, raw) end
      if not reading and (sealed or pinfo.number > side.secure) then
        return nil, connection.opened and "lost" or "locked"
      end
    end
    if reading then return reading.head, reading end
    local head = opening.preamble(raw)
    if head.right then return head end
    return nil, "broken", head
  end

  -- Tells whether a side may leave out a phase.
  local function skips(connection, side, phase)
    if phase == 4 then return true end
    local extended = following.is_extended(connection)
    return phase == 5 and not extended or phase == 6 and (not extended or side.role == "client")
  end

  -- Tells why a frame does not belong where it is, or nil; takes note of how far its sender has come.
  local function misplaced(connection, side, tag)
    local phase, name = TABLES.phases[tag], TABLES.tags[tag]
    if not phase or side.joined then return nil end
    local sender = TABLES.senders[tag]
    local raced = name == "AUTH_REQUEST" and connection.raced and not connection.answered
    if side.role and sender ~= "both" and sender ~= side.role and not raced then
      return ("%s comes from a %s, this is the %s"):format(name, sender, side.role)
    end
    local before = side.phase
    local next_one = before + 1
    while next_one < phase and skips(connection, side, next_one) do next_one = next_one + 1 end
    if phase == before and not TABLES.once[phase] or phase == next_one then
      side.phase = phase
      return nil
    end
    side.phase = math.max(before, phase)
    return ("%s does not belong here"):format(name)
  end

  -- Takes note of a frame that is about to be shown for the first time. Where both ends ask to be let in, both dialled,
  -- and the one with the lower address is the server (SIMOPEN-1).
  function following.expect(connection, side, other, tag)
    if TABLES.tags[tag] ~= "AUTH_REQUEST" then return end
    if other.asked and not side.asked and not connection.answered then
      local lower = side.address < other.address or side.address == other.address and side.port < other.port
      side.role, other.role = lower and "server" or "client", lower and "client" or "server"
      connection.raced = true
    end
    side.asked = true
  end

  -- Takes note of a frame, the first time it is met; draws the consequences of what it says.
  function following.met(connection, side, other, frame, found, pinfo)
    local tag = frame.head.tag
    local name = TABLES.tags[tag]
    if TABLES.senders[tag] == "client" and not side.role then side.role, other.role = "client", "server" end
    if TABLES.senders[tag] == "server" and not side.role then side.role, other.role = "server", "client" end
    if TABLES.phases[tag] == 2 and TABLES.senders[tag] == "server" then connection.answered = true end
    local note = misplaced(connection, side, tag)
    if found and name == "AUTH_DONE" then
      if found.mode == TABLES.mode.secure and not connection.secrets then
        side.role, other.role = "server", "client"
        lock(connection, side, other, pinfo)
      elseif not TABLES.names.mode[found.mode] then
        note = ("mode %d is unknown; what follows is read as crc"):format(found.mode)
      end
    elseif found and name == "COMPRESSION_DONE" and found.on ~= 0 then
      connection.algorithm = found.algorithm
    end
    return note
  end
end
