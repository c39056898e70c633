-- The bare CRC32-C register, with a seed and without any inversion (FRAME-3, FRAME-5), four bytes at a time.

local crc32c = {preamble_seed = 0, segment_seed = 0xFFFFFFFF}

do
  local xor, right, byte0, byte1, byte2, byte3 =
    bits.xor, bits.right, bits.byte0, bits.byte1, bits.byte2, bits.byte3
  local xor4, word = bits.xor4, bits.word
  local POLYNOMIAL = 0x82F63B78
  local first, second, third, fourth = {}, {}, {}, {}

  for value = 0, 255 do
    local register = value
    for _ = 1, 8 do
      local odd = bits.is_set(register, 1)
      register = right(register, 1)
      if odd then register = xor(register, POLYNOMIAL) end
    end
    first[value] = register
  end
  for value = 0, 255 do
    second[value] = xor(right(first[value], 8), first[byte0(first[value])])
    third[value] = xor(right(second[value], 8), first[byte0(second[value])])
    fourth[value] = xor(right(third[value], 8), first[byte0(third[value])])
  end

  -- Returns the register after the bytes of a string.
  function crc32c.of(data, seed)
    local register = seed
    local size, whole = #data, #data - #data % 4
    for at = 1, whole, 4 do
      local a, b, c, d = data:byte(at, at + 3)
      local mixed = xor(register, a + b * 256 + c * 65536 + d * 16777216)
      register = xor4(fourth[byte0(mixed)], third[byte1(mixed)], second[byte2(mixed)], first[byte3(mixed)])
    end
    for at = whole + 1, size do
      register = xor(right(register, 8), first[byte0(xor(register, data:byte(at)))])
    end
    return word(register)
  end
end
