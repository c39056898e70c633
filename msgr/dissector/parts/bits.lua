-- Operations on words of 32 bits. Lua from 5.3 on has operators for them, which older ones cannot even parse; older
-- ones have a library, which differs in whether its results are signed. What matters here is only what is in the
-- 32 bits; `word` makes a number that can be compared.

local bits = {}

do
  local native = load([[
    local bits = {}
    function bits.xor(a, b) return a ~ b end
    function bits.xor4(a, b, c, d) return a ~ b ~ c ~ d end
    function bits.xor5(a, b, c, d, e) return a ~ b ~ c ~ d ~ e end
    function bits.xor16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
      return a ~ b ~ c ~ d ~ e ~ f ~ g ~ h ~ i ~ j ~ k ~ l ~ m ~ n ~ o ~ p
    end
    function bits.is_set(a, mask) return a & mask ~= 0 end
    function bits.low(a, count) return a & ((1 << count) - 1) end
    function bits.right(a, count) return a >> count end
    function bits.byte0(a) return a & 255 end
    function bits.byte1(a) return (a >> 8) & 255 end
    function bits.byte2(a) return (a >> 16) & 255 end
    function bits.byte3(a) return (a >> 24) & 255 end
    function bits.word(a) return a & 0xFFFFFFFF end
    return bits
  ]])
  if native then
    bits = native()
  else
    local library = rawget(_G, "bit32") or rawget(_G, "bit") or require("bit32")
    local band, bxor, rshift = library.band, library.bxor, library.rshift
    bits.xor, bits.xor4, bits.xor5, bits.xor16 = bxor, bxor, bxor, bxor
    function bits.is_set(a, mask) return band(a, mask) ~= 0 end
    function bits.low(a, count) return band(a, 2 ^ count - 1) end
    bits.right = rshift
    function bits.byte0(a) return band(a, 255) end
    function bits.byte1(a) return band(rshift(a, 8), 255) end
    function bits.byte2(a) return band(rshift(a, 16), 255) end
    function bits.byte3(a) return rshift(a, 24) % 256 end
    function bits.word(a) return a % 4294967296 end
  end
end
