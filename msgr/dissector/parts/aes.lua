-- AES-128, one block at a time and only forwards: that is all that GCM needs. The tables are computed, not copied.

local aes = {}

do
  local xor, xor4, xor5, word = bits.xor, bits.xor4, bits.xor5, bits.word
  local byte0, byte1, byte2, byte3 = bits.byte0, bits.byte1, bits.byte2, bits.byte3
  local box, t0, t1, t2, t3 = {}, {}, {}, {}, {}

  local function double(value)
    value = value * 2
    return value > 255 and xor(value, 0x11B) or value
  end

  -- `power` runs through the powers of 3, `inverse` backwards through the same ones.
  local powers, value = {}, 1
  for exponent = 0, 254 do
    powers[exponent] = value
    value = xor(value, double(value))
  end
  box[0] = 0x63
  for exponent = 0, 254 do
    local inverse = powers[(255 - exponent) % 255]
    local mixed, turned = inverse, inverse
    for _ = 1, 4 do
      turned = turned * 2 % 256 + (turned > 127 and 1 or 0)
      mixed = xor(mixed, turned)
    end
    box[powers[exponent]] = xor(mixed, 0x63)
  end
  for each = 0, 255 do
    local once = box[each]
    local twice = double(once)
    local thrice = xor(once, twice)
    t0[each] = twice * 16777216 + once * 65536 + once * 256 + thrice
    t1[each] = thrice * 16777216 + twice * 65536 + once * 256 + once
    t2[each] = once * 16777216 + thrice * 65536 + twice * 256 + once
    t3[each] = once * 16777216 + once * 65536 + thrice * 256 + twice
  end

  -- Returns the words of a string of bytes, big-endian.
  function aes.words(data, at, count)
    local found = {}
    for index = 1, count do
      local a, b, c, d = data:byte(at, at + 3)
      found[index] = a * 16777216 + b * 65536 + c * 256 + d
      at = at + 4
    end
    return found
  end

  -- Returns the 44 words into which a key of 16 bytes is expanded.
  function aes.expand(key)
    local round, found = 1, aes.words(key, 1, 4)
    for index = 5, 44 do
      local last = found[index - 1]
      if index % 4 == 1 then
        last = box[byte2(last)] * 16777216 + box[byte1(last)] * 65536 + box[byte0(last)] * 256 + box[byte3(last)]
        last = xor(last, round * 16777216)
        round = double(round)
      end
      found[index] = word(xor(found[index - 4], last))
    end
    return found
  end

  -- Encrypts a block: four words in, four words out.
  function aes.encrypt(keys, a, b, c, d)
    a, b, c, d = xor(a, keys[1]), xor(b, keys[2]), xor(c, keys[3]), xor(d, keys[4])
    for at = 5, 37, 4 do
      a, b, c, d =
        xor5(t0[byte3(a)], t1[byte2(b)], t2[byte1(c)], t3[byte0(d)], keys[at]),
        xor5(t0[byte3(b)], t1[byte2(c)], t2[byte1(d)], t3[byte0(a)], keys[at + 1]),
        xor5(t0[byte3(c)], t1[byte2(d)], t2[byte1(a)], t3[byte0(b)], keys[at + 2]),
        xor5(t0[byte3(d)], t1[byte2(a)], t2[byte1(b)], t3[byte0(c)], keys[at + 3])
    end
    local function last(e, f, g, h, key)
      return xor(box[byte3(e)] * 16777216 + box[byte2(f)] * 65536 + box[byte1(g)] * 256 + box[byte0(h)], key)
    end
    return last(a, b, c, d, keys[41]), last(b, c, d, a, keys[42]), last(c, d, a, b, keys[43]),
      last(d, a, b, c, keys[44])
  end
end
