-- GHASH, the sum that GCM's tags are made of: a polynomial over a field of 2^128 elements. For a key, the product of it
-- with every value of every byte is computed once; a block is then 16 times looked up.

local ghash = {}

do
  local xor, word = bits.xor, bits.word
  local byte0, byte1, byte2, byte3, xor16 = bits.byte0, bits.byte1, bits.byte2, bits.byte3, bits.xor16
  local REDUCTION = 0xE1000000

  -- Division makes a float of an integer in Lua from 5.3 on.
  local whole = math.tointeger or function(value) return value end

  -- Returns the products: for each of the four words of a result, 16 times 256 of them.
  function ghash.products(h)
    local w1, w2, w3, w4 = word(h[1]), word(h[2]), word(h[3]), word(h[4])
    local first, second, third, fourth = {}, {}, {}, {}
    for position = 0, 15 do
      local base = position * 256
      first[base], second[base], third[base], fourth[base] = 0, 0, 0, 0
      local bit = 128
      while bit >= 1 do
        first[base + bit], second[base + bit], third[base + bit], fourth[base + bit] = w1, w2, w3, w4
        local o1, o2, o3, o4 = w1 % 2, w2 % 2, w3 % 2, w4 % 2
        w4 = (w4 - o4) / 2 + o3 * 2147483648
        w3 = (w3 - o3) / 2 + o2 * 2147483648
        w2 = (w2 - o2) / 2 + o1 * 2147483648
        w1 = (w1 - o1) / 2
        w1, w2, w3, w4 = whole(w1), whole(w2), whole(w3), whole(w4)
        if o4 == 1 then w1 = word(xor(w1, REDUCTION)) end
        bit = whole(bit / 2) or 0
      end
      for value = 1, 255 do
        local high = 128
        while high > value do high = whole(high / 2) end
        if high < value then
          local a, b = base + high, base + value - high
          first[base + value], second[base + value] = xor(first[a], first[b]), xor(second[a], second[b])
          third[base + value], fourth[base + value] = xor(third[a], third[b]), xor(fourth[a], fourth[b])
        end
      end
    end
    return {first, second, third, fourth}
  end

  -- Returns the four words of a sum, with a block of four words added.
  function ghash.add(products, s1, s2, s3, s4, b1, b2, b3, b4)
    s1, s2, s3, s4 = xor(s1, b1), xor(s2, b2), xor(s3, b3), xor(s4, b4)
    local a, b, c, d = byte3(s1), 256 + byte2(s1), 512 + byte1(s1), 768 + byte0(s1)
    local e, f, g, h = 1024 + byte3(s2), 1280 + byte2(s2), 1536 + byte1(s2), 1792 + byte0(s2)
    local i, j, k, l = 2048 + byte3(s3), 2304 + byte2(s3), 2560 + byte1(s3), 2816 + byte0(s3)
    local m, n, o, p = 3072 + byte3(s4), 3328 + byte2(s4), 3584 + byte1(s4), 3840 + byte0(s4)
    local function sum(t)
      return xor16(t[a], t[b], t[c], t[d], t[e], t[f], t[g], t[h], t[i], t[j], t[k], t[l], t[m], t[n], t[o], t[p])
    end
    return sum(products[1]), sum(products[2]), sum(products[3]), sum(products[4])
  end
end
