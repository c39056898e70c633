-- What frames say: the fields of control frames, the headers of messages.

local payload = {}

do
  -- Shows what is wrong with something.
  function payload.complain(tree, expert_name, text)
    tree:add_proto_expert_info(experts[expert_name], text)
  end

  -- Reads a layout; returns the values by name, and the reader. Of what cannot be read, the values are nil.
  function payload.read(tree, view, at, stop, path, layout)
    local reader = values.reader(view, at, stop)
    local fine, found = pcall(values.all, reader, tree, path, layout)
    if fine then return found, reader end
    if type(found) ~= "table" then error(found, 0) end
    payload.complain(tree, "malformed", path .. ": " .. found.why)
    return nil, reader
  end

  -- Who asks and for which global id, where the request says it in the open.
  local function claim(tree, view, bytes, method)
    local request = TABLES.request
    if not bytes or bytes:len() < 1 then return end
    local kind = bytes:range(0, 1):uint()
    local for_mon = kind >= request.mon and kind < request.mon + 10
    if not for_mon and method ~= request.none then return end
    local at = bytes:offset() - view:range(0, 1):offset()
    local reader = values.reader(view, at, at + bytes:len())
    -- Shown only if all of it can be read: it may as well be something else.
    if reader:left() < 17 then return end
    local kind_range, type_range, length_range = reader:take(1), reader:take(4), reader:take(4)
    local length = length_range:le_uint()
    if reader:left() < length + 8 then return end
    local id = reader:bytes(length)
    local name = (TABLES.names.entity_type[type_range:le_uint()] or "type-" .. type_range:le_uint()) .. "." .. id
    tree:add_le(fields["auth_request.request.kind"], kind_range)
    tree:add(fields["auth_request.name"], view:range(at + 1, 8 + length), name)
    tree:add_le(fields["auth_request.global_id"], reader:take(8))
    return name
  end

  local function names_of(names, number)
    return TABLES.names[names][number] or tostring(number)
  end

  -- The short of some frames, for the column.
  local short = {
    HELLO = function(found) return names_of("entity_type", found.entity_type) end,
    AUTH_REQUEST = function(found) return names_of("method", found.method) end,
    AUTH_BAD_METHOD = function(found) return names_of("method", found.method) end,
    AUTH_DONE = function(found) return names_of("mode", found.mode) end,
    COMPRESSION_DONE = function(found) return found.on == 0 and "off" or names_of("algorithm", found.algorithm) end,
    SESSION_RESET = function(found) return found.full == 0 and "session" or "full" end,
    NODE_HELLO = function(found) return tostring(found.node) end,
    NODE_REJECT = function(found) return names_of("kind", found.kind) end,
  }

  local function rest(tree, reader)
    if reader:left() > 0 then tree:add(fields.undecoded, reader:take(reader:left())) end
  end

  -- Shows what a control frame says; returns its values, and the short of it.
  function payload.control(tree, frame)
    local tag = frame.head.tag
    local name, layout = TABLES.tags[tag], TABLES.layouts[tag]
    if not layout then
      payload.complain(tree, "malformed", ("tag %d is unknown"):format(tag))
      return nil, ("tag %d"):format(tag)
    elseif frame.head.count ~= 1 then
      payload.complain(tree, "malformed", ("%s with %d segments, it has one"):format(name, frame.head.count))
      return nil, name
    end
    local segment = frame.segments[1]
    local stop = segment.at + segment.shown
    local at = segment.at
    if TABLES.versioned[tag] then
      local outer = values.reader(segment.view, at, stop)
      local fine, body = pcall(values.body, outer, tree, TABLES.versioned[tag])
      if not fine then
        if type(body) ~= "table" then error(body, 0) end
        payload.complain(tree, "malformed", name:lower() .. ": " .. body.why)
        return nil, name
      end
      at, stop = body.at, body.stop
      rest(tree, outer)
    end
    local found, reader = payload.read(tree, segment.view, at, stop, name:lower(), layout)
    if not found then return nil, name end
    if tag == TABLES.tag.AUTH_REQUEST then claim(tree, segment.view, found.payload, found.method) end
    rest(tree, reader)
    return found, short[name] and name .. " " .. short[name](found) or name
  end

  -- Shows the bytes of the parts of a message, or of pieces of them.
  local function body(tree, frame, path)
    local first = frame.segments[1]
    for index, name in ipairs({"front", "middle", "data"}) do
      local segment = frame.segments[index + 1]
      if segment and segment.shown > 0 then
        tree:add(fields[path .. "." .. name], segment.view:range(segment.at, segment.shown))
      end
      local length = segment and segment.length or 0
      tree:add(fields[path .. "." .. name .. ".length"], first.view:range(first.at, 0), length):set_generated()
    end
  end

  -- Shows which pieces of a message these are; returns the short of it.
  function payload.part(tree, frame)
    local first, tag = frame.segments[1], TABLES.tag.MESSAGE_PART
    local stop = first.at + first.shown
    local found, reader = payload.read(tree, first.view, first.at, stop, "message_part", TABLES.layouts[tag])
    if not found then return "MESSAGE_PART" end
    rest(tree, reader)
    body(tree, frame, "message_part")
    return ("MESSAGE_PART channel %d"):format(found.channel)
  end

  -- The layout of a message's header, and the one that it has where both banners have MSGR_EXT (CHANNEL-1).
  local plain, extended = TABLES.layouts[TABLES.tag.MESSAGE], {}
  for index, field in ipairs(plain) do
    extended[index] = field.name == "reserved" and {name = "channel", kind = field.kind} or field
  end

  -- Shows the header of a message and the bytes of its parts; returns the short of it.
  function payload.message(tree, frame, is_extended)
    local first = frame.segments[1]
    if first.length ~= TABLES.header_size or first.shown ~= first.length then
      payload.complain(tree, "malformed",
        ("a message header of %d bytes, it has %d"):format(first.length, TABLES.header_size))
      return "MESSAGE"
    end
    local layout = is_extended and extended or plain
    local found = payload.read(tree, first.view, first.at, first.at + first.shown, "message", layout)
    body(tree, frame, "message")
    local name = TABLES.names.message[found.type] or ("type %d"):format(found.type)
    return ("MESSAGE %s seq %s"):format(name, tostring(found.seq))
  end
end
