-- Addresses of entities, in the modern and the legacy form, and vectors of them (ADDR-1, ADDR-2, ADDR-3).

do
  local SIZES = {[2] = 16, [10] = 28}
  local LARGEST, LEGACY_SIZE, SMALLEST = 28, 128, 19

  local function number_of(text, at, size)
    local value = 0
    for index = at, at + size - 1 do value = value * 256 + text:byte(index) end
    return value
  end

  local function ipv6(bytes)
    local groups, from, longest = {}, nil, 1
    for index = 1, 8 do groups[index] = number_of(bytes, index * 2 - 1, 2) end
    local start = 1
    while start <= 8 do
      local stop = start
      while stop <= 8 and groups[stop] == 0 do stop = stop + 1 end
      if stop - start > longest then from, longest = start, stop - start end
      start = math.max(stop, start + 1)
    end
    local function written(first, last)
      local found = {}
      for index = first, last do found[#found + 1] = ("%x"):format(groups[index]) end
      return table.concat(found, ":")
    end
    if not from then return written(1, 8) end
    return written(1, from - 1) .. "::" .. written(from + longest, 8)
  end

  -- Returns what a socket address says; its family is little-endian here.
  local function socket(bytes)
    if #bytes == 0 then return {} end
    if #bytes == 1 then values.fail("a socket address of one byte") end
    local family = bytes:byte(1) + bytes:byte(2) * 256
    local size = SIZES[family] or LARGEST
    if #bytes > size then values.fail(("%d bytes of socket address, %d at most here"):format(#bytes, size)) end
    local whole = bytes .. ("\0"):rep(size - #bytes)
    if family == 2 then
      return {port = number_of(whole, 3, 2), ip = ("%d.%d.%d.%d"):format(whole:byte(5, 8))}
    elseif family == 10 then
      local a, b, c, d = whole:byte(25, 28)
      return {port = number_of(whole, 3, 2), ip = ipv6(whole:sub(9, 24)), scope = a + (b + (c + d * 256) * 256) * 256}
    elseif not bytes:find("[^\0]") then
      return {}
    end
    return {opaque = bytes}
  end

  local function written(kind, nonce, host)
    local prefix = TABLES.names.address_type[kind] or "type-" .. kind
    if host.opaque then
      local hex = host.opaque:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
      return ("%s:opaque:%s/%d"):format(prefix, hex, nonce)
    elseif not host.ip then
      return ("%s:-/%d"):format(prefix, nonce)
    elseif host.scope then
      local zone = host.scope > 0 and "%" .. ("%d"):format(host.scope) or ""
      return ("%s:[%s%s]:%d/%d"):format(prefix, host.ip, zone, host.port, nonce)
    end
    return ("%s:%s:%d/%d"):format(prefix, host.ip, host.port, nonce)
  end

  -- Shows an address: its text, and under it what it is made of.
  local function show(tree, path, reader, found)
    local view, at = reader.view, found.at
    local host = socket(found.sockaddr)
    local text = written(found.kind, found.nonce, host)
    local item = tree:add(fields[path], view:range(at, reader.at - at), text)
    if found.kind_range then item:add_le(fields["address.type"], found.kind_range) end
    item:add(fields["address.legacy"], view:range(at, 1), found.legacy)
    item:add_le(fields["address.nonce"], found.nonce_range)
    if host.ip and #found.sockaddr >= 4 then
      item:add(fields["address.port"], view:range(found.sockaddr_at + 2, 2))
    end
    if found.sockaddr_size > 0 then
      local range = view:range(found.sockaddr_at, found.sockaddr_size)
      if host.ip then item:add(fields["address.ip"], range, host.ip) end
      item:add(fields["address.sockaddr"], range)
    end
    return text
  end

  -- Reads what follows marker 1.
  local function modern(reader, tree, path, at)
    reader:take(1)
    local compat = reader:number(1)
    if compat > 1 then values.fail(("an address that only version %d decoders read"):format(compat)) end
    local inner = reader:within((reader:number(4)))
    local found = {at = at, legacy = false}
    found.kind, found.kind_range = inner:number(4)
    found.nonce, found.nonce_range = inner:number(4)
    found.sockaddr_size = inner:number(4)
    found.sockaddr_at = inner.at
    found.sockaddr = inner:bytes(found.sockaddr_size)
    return show(tree, path, reader, found)
  end

  -- Reads what follows marker 0, the first byte of a u32.
  local function legacy(reader, tree, path, at)
    reader:take(3)
    local found = {at = at, legacy = true, kind = 1}
    found.nonce, found.nonce_range = reader:number(4)
    found.sockaddr_at, found.sockaddr_size = reader.at, LEGACY_SIZE
    local storage = reader:bytes(LEGACY_SIZE)
    local family = number_of(storage, 1, 2)
    found.sockaddr = ""
    if family > 0 then  -- as the modern form has it
      found.sockaddr = storage:sub(2, 2) .. storage:sub(1, 1) .. storage:sub(3, SIZES[family] or LARGEST)
    end
    return show(tree, path, reader, found)
  end

  function addresses.read(reader, tree, path)
    local at = reader.at
    local marker = reader:number(1)
    if marker == 1 then return modern(reader, tree, path, at) end
    if marker == 0 then return legacy(reader, tree, path, at) end
    values.fail(("address marker %d where 0 or 1 belongs"):format(marker))
  end

  function addresses.read_all(reader, tree, path)
    local at = reader.at
    local marker = reader:number(1)
    if marker == 1 then return modern(reader, tree, path, at) end
    if marker == 0 then return legacy(reader, tree, path, at) end
    if marker ~= 2 then values.fail(("address vector marker %d where 0, 1 or 2 belongs"):format(marker)) end
    local count, range = reader:number(4)
    if count * SMALLEST > reader:left() then
      values.fail(("%.0f addresses, where %d bytes are left"):format(count, reader:left()))
    end
    tree:add_le(fields[path .. ".count"], range)
    local found = {}
    for index = 1, count do found[index] = addresses.read(reader, tree, path) end
    return table.concat(found, ", ")
  end
end
