-- The protocol, and all of its fields. Those of payloads are made from the layouts.

local msgr2 = Proto("msgr2", "Ceph Messenger v2")
local fields, experts = {}, {}
if set_plugin_info then set_plugin_info({version = VERSION, description = "msgr2, the protocol of Ceph"}) end

do
  local made = {}

  local function add(abbreviation, field)
    made[#made + 1] = field
    fields[abbreviation] = field
  end

  local function words(name)
    return (name:sub(1, 1):upper() .. name:sub(2):gsub("_", " "))
  end

  local function number(make, path, name, base_kind, names)
    add(path, names and make("msgr2." .. path, name, base_kind, names) or make("msgr2." .. path, name, base_kind))
  end

  local makers = {
    u8 = ProtoField.uint8, u16 = ProtoField.uint16, u32 = ProtoField.uint32, u64 = ProtoField.uint64,
    i16 = ProtoField.int16, i32 = ProtoField.int32, i64 = ProtoField.int64,
  }

  -- Makes the fields of a layout, each named by its path.
  local declare
  function declare(path, layout)
    for _, field in ipairs(layout) do
      local at, name, kind = path .. "." .. field.name, words(field.name), field.item or field.kind
      if makers[kind] then
        number(makers[kind], at, name, field.bits and base.HEX or base.DEC, field.names and TABLES.names[field.names])
      elseif kind == "bool" then
        add(at, ProtoField.bool("msgr2." .. at, name))
      elseif kind == "blob" or kind == "raw" then
        add(at, ProtoField.bytes("msgr2." .. at, name))
        if kind == "blob" then
          add(at .. ".length", ProtoField.uint32("msgr2." .. at .. ".length", name .. ", length"))
        end
      elseif kind == "record" then
        add(at, ProtoField.none("msgr2." .. at, name))
        declare(at, field.fields)
      elseif kind == "time" then
        add(at, ProtoField.absolute_time("msgr2." .. at, name, base.UTC))
        add(at .. ".seconds", ProtoField.uint32("msgr2." .. at .. ".seconds", "Seconds"))
        add(at .. ".nanoseconds", ProtoField.uint32("msgr2." .. at .. ".nanoseconds", "Nanoseconds"))
      else  -- an address, several of them, a name or a text: all are shown as texts
        add(at, ProtoField.string("msgr2." .. at, name))
      end
      if field.kind == "list" or field.kind == "addresses" then
        add(at .. ".count", ProtoField.uint32("msgr2." .. at .. ".count", name .. ", number of"))
      end
    end
  end

  for tag, layout in pairs(TABLES.layouts) do declare(TABLES.tags[tag]:lower(), layout) end
  declare("banner", TABLES.banner.layout)
  declare("auth_request.request", TABLES.request.layout)

  local STATUS = {[0] = "bad", [1] = "good", [2] = "not checked"}
  local plain = {
    {"from", "string", "From"}, {"revision", "string", "Revision"}, {"protection", "string", "Protection"},
    {"tag", "u8", "Tag", names = TABLES.tags}, {"size", "u32", "Size on the wire"},
    {"banner", "none", "Banner"}, {"banner.prefix", "string", "Prefix"},
    {"banner.length", "u16", "Length of the payload"}, {"banner.more", "bytes", "More"},
    {"preamble", "none", "Preamble"}, {"preamble.count", "u8", "Number of segments"},
    {"preamble.length", "u32", "Length of a segment"}, {"preamble.alignment", "u16", "Alignment of a segment"},
    {"preamble.unused", "bytes", "Unused slots"}, {"preamble.flags", "u8", "Flags", hex = true},
    {"preamble.compressed", "bool", "Compressed"}, {"preamble.reserved", "u8", "Reserved", hex = true},
    {"preamble.checksum", "u32", "Checksum", hex = true},
    {"preamble.checksum.status", "u8", "Checksum status", names = STATUS},
    {"segment", "bytes", "Segment"}, {"segment.checksum", "u32", "Checksum of a segment", hex = true},
    {"segment.checksum.status", "u8", "Checksum status", names = STATUS},
    {"seal", "bytes", "AES-GCM tag"}, {"seal.status", "u8", "Tag status", names = STATUS},
    {"late", "u8", "Late status", hex = true},
    {"aborted", "bool", "Withdrawn by its sender"}, {"undecoded", "bytes", "More bytes"},
    {"sealed", "bytes", "Encrypted"}, {"unread", "bytes", "Not read"},
    {"compression", "u32", "Compression", names = TABLES.names.algorithm},
    {"message.front", "bytes", "Front"}, {"message.middle", "bytes", "Middle"}, {"message.data", "bytes", "Data"},
    {"message.front.length", "u32", "Front, length"}, {"message.middle.length", "u32", "Middle, length"},
    {"message.data.length", "u32", "Data, length"}, {"message.channel", "u16", "Channel"},
    {"message_part.front", "bytes", "Front"}, {"message_part.middle", "bytes", "Middle"},
    {"message_part.data", "bytes", "Data"}, {"message_part.front.length", "u32", "Front, length"},
    {"message_part.middle.length", "u32", "Middle, length"}, {"message_part.data.length", "u32", "Data, length"},
    {"record.version", "u8", "Version of the record"}, {"record.compat", "u8", "Oldest reader of the record"},
    {"record.length", "u32", "Length of the record"},
    {"auth_request.name", "string", "Name"}, {"auth_request.global_id", "u64", "Global id"},
    {"address.type", "u32", "Type", names = TABLES.names.address_type}, {"address.nonce", "u32", "Nonce"},
    {"address.ip", "string", "IP address"}, {"address.port", "u16", "Port"},
    {"address.legacy", "bool", "Legacy form"}, {"address.sockaddr", "bytes", "Socket address"},
  }
  for _, each in ipairs(plain) do
    local path, kind, name = each[1], each[2], each[3]
    if makers[kind] then
      number(makers[kind], path, name, each.hex and base.HEX or base.DEC, each.names)
    else
      add(path, ProtoField[kind]("msgr2." .. path, name))
    end
  end
  msgr2.fields = made

  local group, severity = expert.group, expert.severity
  local kinds = {
    {"checksum.bad", "A checksum is wrong", group.CHECKSUM, severity.ERROR},
    {"seal.bad", "An AES-GCM tag is wrong", group.CHECKSUM, severity.ERROR},
    {"malformed", "Malformed", group.MALFORMED, severity.ERROR},
    {"order", "Unexpected here", group.SEQUENCE, severity.WARN},
    {"lost", "Not read", group.UNDECODED, severity.WARN},
    {"locked", "Encrypted", group.DECRYPTION, severity.NOTE},
    {"packed", "Compressed", group.UNDECODED, severity.NOTE},
    {"aborted", "Withdrawn by its sender on its way", group.SEQUENCE, severity.NOTE},
    {"short", "Not all of it was captured", group.UNDECODED, severity.WARN},
  }
  local list = {}
  for _, each in ipairs(kinds) do
    experts[each[1]] = ProtoExpert.new("msgr2.expert." .. each[1], each[2], each[3], each[4])
    list[#list + 1] = experts[each[1]]
  end
  msgr2.experts = list
end
