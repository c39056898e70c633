-- Secure mode: AES-128-GCM without associated data (FRAME-10), and its nonces (FRAME-11, FRAME-13). What is encrypted
-- can be read from any block on, without all that comes before it; only the tag needs all of it.

local gcm = {tag_size = 16}

do
  local xor, word = bits.xor, bits.word
  local BYTE = string.char

  local function bytes_of(value)
    value = word(value)
    local d = value % 256
    local c = (value - d) / 256 % 256
    local b = (value - d - c * 256) / 65536 % 256
    local a = (value - d - c * 256 - b * 65536) / 16777216
    return BYTE(a, b, c, d)
  end

  -- A key, expanded; that of one connection.
  function gcm.key(bytes)
    return {round = aes.expand(bytes), products = nil}  -- the products are computed when they are needed first
  end

  -- Returns the bytes of a nonce as three big-endian words. `first` are the 12 bytes of the secret, `count` is how many
  -- operations came before.
  function gcm.nonce(first, count, revision)
    local low = {first:byte(1, 12)}
    local from, to = 1, 4
    if revision == 1 then from, to = 5, 12 end
    for index = from, to do
      local sum = low[index] + count % 256
      low[index] = sum % 256
      count = (count - count % 256) / 256 + (sum > 255 and 1 or 0)
    end
    return aes.words(BYTE((table.unpack or unpack)(low)), 1, 3)
  end

  -- Decrypts a string, which stands at `block` blocks behind the beginning of what was encrypted in one operation.
  function gcm.decrypt(key, nonce, data, block)
    local found, round, encrypt = {}, key.round, aes.encrypt
    local n1, n2, n3 = nonce[1], nonce[2], nonce[3]
    local counter = 2 + block
    for at = 1, #data, 16 do
      local a, b, c, d = encrypt(round, n1, n2, n3, counter)
      local piece = data:sub(at, at + 15)
      if #piece < 16 then piece = piece .. BYTE(0):rep(16 - #piece) end
      local words = aes.words(piece, 1, 4)
      found[#found + 1] = bytes_of(xor(a, words[1])) .. bytes_of(xor(b, words[2])) .. bytes_of(xor(c, words[3]))
        .. bytes_of(xor(d, words[4]))
      counter = counter + 1
    end
    return table.concat(found):sub(1, #data)
  end

  -- Tells whether the tag at the end of a string is that of the bytes before it, which are whole blocks.
  function gcm.verifies(key, nonce, sealed)
    if not key.products then
      key.products = ghash.products({aes.encrypt(key.round, 0, 0, 0, 0)})
    end
    local products, add = key.products, ghash.add
    local size = #sealed - gcm.tag_size
    local a, b, c, d = 0, 0, 0, 0
    for at = 1, size, 16 do
      local words = aes.words(sealed, at, 4)
      a, b, c, d = add(products, a, b, c, d, words[1], words[2], words[3], words[4])
    end
    a, b, c, d = add(products, a, b, c, d, 0, 0, 0, size * 8)
    local e, f, g, h = aes.encrypt(key.round, nonce[1], nonce[2], nonce[3], 1)
    local tag = bytes_of(xor(a, e)) .. bytes_of(xor(b, f)) .. bytes_of(xor(c, g)) .. bytes_of(xor(d, h))
    return tag == sealed:sub(size + 1)
  end
end
