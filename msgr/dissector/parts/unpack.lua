-- The formats of compressed segments (COMPRESSION-7 to COMPRESSION-11): snappy and lz4 in Lua, of the others what this
-- Wireshark has. Whatever is damaged, too long or unknown is simply not unpacked.

local unpack = {longest = 1048576}

do
  local band = bits.low
  local right = bits.right

  local function text_of(out)
    local pieces, take = {}, table.unpack or rawget(_G, "unpack")
    for at = 1, #out, 4096 do
      pieces[#pieces + 1] = string.char(take(out, at, math.min(at + 4095, #out)))
    end
    return table.concat(pieces)
  end

  local function copy(out, behind, length)
    local from = #out - behind
    if behind == 0 or from < 0 then return false end
    for index = from + 1, from + length do out[#out + 1] = out[index] end
    return #out <= unpack.longest
  end

  local function literals(out, data, at, length)
    if at + length - 1 > #data or #out + length > unpack.longest then return false end
    for index = at, at + length - 1 do out[#out + 1] = data:byte(index) end
    return true
  end

  local function little(data, at, count)
    local value = 0
    for index = count - 1, 0, -1 do value = value * 256 + (data:byte(at + index) or 0) end
    return value
  end

  local function snappy(data)
    local at, size, scale = 1, 0, 1
    repeat
      local byte = data:byte(at)
      if not byte or at > 5 then return nil end
      size, scale, at = size + byte % 128 * scale, scale * 128, at + 1
    until byte < 128
    if size > unpack.longest then return nil end
    local out = {}
    while at <= #data do
      local element = data:byte(at)
      local kind, length = band(element, 2), right(element, 2) + 1
      at = at + 1
      local fine
      if kind == 0 then
        if length > 60 then
          local count = length - 60
          length, at = little(data, at, count) + 1, at + count
        end
        fine = literals(out, data, at, length)
        at = at + length
      elseif kind == 1 then
        fine = copy(out, right(element, 5) * 256 + little(data, at, 1), band(right(element, 2), 3) + 4)
        at = at + 1
      else
        local count = kind == 2 and 2 or 4
        fine = copy(out, little(data, at, count), length)
        at = at + count
      end
      if not fine then return nil end
    end
    return #out == size and text_of(out) or nil
  end

  -- Adds up the bytes behind a length of 15.
  local function longer(data, at, length)
    if length < 15 then return length, at end
    repeat
      local byte = data:byte(at)
      if not byte then return nil, at end
      length, at = length + byte, at + 1
    until byte < 255
    return length, at
  end

  local function lz4_block(out, data, at, stop)
    while at < stop do
      local token = data:byte(at)
      local length
      length, at = longer(data, at + 1, right(token, 4))
      if not length or at + length > stop or not literals(out, data, at, length) then return false end
      at = at + length
      if at >= stop then return true end
      local behind = little(data, at, 2)
      length, at = longer(data, at + 2, band(token, 4))
      if not length or not copy(out, behind, length + 4) then return false end
    end
    return true
  end

  local function lz4(data)
    local count = little(data, 1, 4)
    local at = 5 + count * 8
    if at > #data + 1 then return nil end
    local out = {}
    for index = 0, count - 1 do
      local size = little(data, 9 + index * 8, 4)
      if at + size > #data + 1 or not lz4_block(out, data, at, at + size) then return nil end
      at = at + size
    end
    return text_of(out)
  end

  -- Returns a function that calls a method of a range of bytes, where this Wireshark has it.
  local function built_in(skip, ...)
    local names = {...}
    return function(_, range)
      for _, name in ipairs(names) do
        local known, method = pcall(function() return range[name] end)
        if known and method and range:len() > skip then
          local fine, found = pcall(function() return method(range:range(skip), "Unpacked segment"):raw() end)
          if fine and found then return found end
        end
      end
      return nil
    end
  end

  local codecs = {
    snappy = snappy,
    lz4 = lz4,
    zlib = built_in(1, "uncompress_zlib", "uncompress"),
    zstd = built_in(4, "uncompress_zstd"),
    brotli = built_in(0, "uncompress_brotli"),
  }

  -- Returns the bytes that a compressed segment holds, or nil.
  function unpack.segment(algorithm, range)
    local codec = codecs[TABLES.names.algorithm[algorithm]]
    if not codec or range:len() > unpack.longest then return nil end
    return codec(range:raw(), range)
  end
end
