-- Reads values off a run of bytes, and shows them. What is too short or senseless ends it with a table as an error,
-- which `payload.read` catches: nothing that a capture holds is an error of this plug-in.

local values, addresses = {}, {}

do
  local Reader = {}
  Reader.__index = Reader

  -- Reads the bytes from `at` to before `stop` of a tvb.
  function values.reader(view, at, stop)
    return setmetatable({view = view, at = at, stop = stop}, Reader)
  end

  function values.fail(why)
    error({why = why}, 0)
  end

  function Reader:left()
    return self.stop - self.at
  end

  -- Returns the next `size` bytes as a range.
  function Reader:take(size)
    if size > self.stop - self.at then
      values.fail(("%.0f bytes are needed where %d are left"):format(size, self.stop - self.at))
    end
    local range = self.view:range(self.at, size)
    self.at = self.at + size
    return range
  end

  -- Returns the next number, and its bytes.
  function Reader:number(size)
    local range = self:take(size)
    return range:le_uint(), range
  end

  -- Returns bytes as a string, also where there are none.
  function Reader:bytes(size)
    return size == 0 and "" or self:take(size):raw()
  end

  -- Returns a reader of the next `size` bytes alone.
  function Reader:within(size)
    if size > self.stop - self.at then
      values.fail(("%.0f bytes are needed where %d are left"):format(size, self.stop - self.at))
    end
    local inner = values.reader(self.view, self.at, self.at + size)
    self.at = self.at + size
    return inner
  end

  local SIZES = {u8 = 1, u16 = 2, u32 = 4, u64 = 8, i16 = 2, i32 = 4, i64 = 8, bool = 1}
  local read = {}

  for kind, size in pairs(SIZES) do
    read[kind] = function(reader, tree, path)
      local range = reader:take(size)
      tree:add_le(fields[path], range)
      return size < 8 and range:le_uint() or range:le_uint64()
    end
  end

  function read.blob(reader, tree, path)
    local length, range = reader:number(4)
    local bytes = length > 0 and reader:take(length)
    tree:add_le(fields[path .. ".length"], range)
    if bytes then tree:add(fields[path], bytes) end
    return bytes
  end

  function read.raw(reader, tree, path, field)
    local bytes = reader:take(field.size)
    tree:add(fields[path], bytes)
    return bytes
  end

  function read.text(reader, tree, path)
    local length, range = reader:number(4)
    local text = reader:bytes(length)
    tree:add(fields[path], range, text):set_len(4 + length)
    return text
  end

  function read.entity(reader, tree, path)
    local kind, range = reader:number(4)
    local id = reader:bytes((reader:number(4)))
    local text = (TABLES.names.entity_type[kind] or "type-" .. kind) .. "." .. id
    tree:add(fields[path], range, text):set_len(8 + #id)
    return text
  end

  function read.time(reader, tree, path)
    local seconds, nanoseconds = reader:take(4), reader:take(4)
    local item = tree:add_le(fields[path], reader.view:range(reader.at - 8, 8))
    item:add_le(fields[path .. ".seconds"], seconds)
    item:add_le(fields[path .. ".nanoseconds"], nanoseconds)
    return seconds:le_uint()
  end

  function read.list(reader, tree, path, field)
    local count, range = reader:number(4)
    if count > reader:left() then values.fail(("%d items, where %d bytes are left"):format(count, reader:left())) end
    tree:add_le(fields[path .. ".count"], range)
    for _ = 1, count do read[field.item](reader, tree, path, field) end
    return count
  end

  function read.record(reader, tree, path, field)
    local at = reader.at
    local item = tree:add(fields[path], reader.view:range(at, 0))
    local found = values.all(reader, item, path, field.fields)
    item:set_len(reader.at - at)
    return found
  end

  function read.address(reader, tree, path)
    return addresses.read(reader, tree, path)
  end

  function read.addresses(reader, tree, path)
    return addresses.read_all(reader, tree, path)
  end

  -- Reads the head of a record that may come in versions; returns a reader of the rest of it.
  function values.body(reader, tree, versions)
    local version, version_range = reader:number(1)
    local compat, compat_range = reader:number(1)
    local length, length_range = reader:number(4)
    tree:add(fields["record.version"], version_range)
    tree:add(fields["record.compat"], compat_range)
    tree:add_le(fields["record.length"], length_range)
    if compat > versions.newest or version < versions.oldest then
      values.fail(("a record of version %d, readable from version %d on"):format(version, compat))
    end
    return reader:within(length)
  end

  -- Reads the fields of a layout; returns their values by name.
  function values.all(reader, tree, path, layout)
    local found = {}
    for _, field in ipairs(layout) do
      found[field.name] = read[field.kind](reader, tree, path .. "." .. field.name, field)
    end
    return found
  end
end
