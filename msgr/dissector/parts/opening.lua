-- Opens frames: where their parts are (FRAME-2, FRAME-5, FRAME-10), and what secure mode makes of them.

local opening = {preamble_size = 32, most = 536870912, longest = 65536, checks = true}

do
  local INLINE, TAG, BLOCK = 48, 16, 16

  local function padded(length)
    return length + (-length) % BLOCK
  end

  local function little(raw, at, size)
    local value = 0
    for index = at + size - 1, at, -1 do value = value * 256 + raw:byte(index) end
    return value
  end

  -- Takes the 32 bytes of a preamble apart. `right` tells whether its checksum is.
  function opening.preamble(raw)
    local head = {tag = raw:byte(1), count = raw:byte(2), lengths = {}, flags = raw:byte(27)}
    head.checksum = little(raw, 29, 4)
    head.right = crc32c.of(raw:sub(1, 28), crc32c.preamble_seed) == head.checksum
    for index = 1, math.min(head.count, 4) do head.lengths[index] = little(raw, index * 6 - 3, 4) end
    head.compressed = head.flags % 2 == 1
    if head.count < 1 or head.count > 4 then
      head.wrong = ("%d segments, 1 to 4 are possible"):format(head.count)
    elseif head.count > 1 and head.lengths[head.count] == 0 then
      head.wrong = ("%d segments, the last one empty"):format(head.count)
    end
    return head
  end

  -- Returns how long the head of a frame is that must be there before its size is known.
  function opening.head_size(reading, revision)
    return reading and revision == 1 and opening.preamble_size + INLINE + TAG or opening.preamble_size
  end

  -- Returns where the parts of a frame in crc mode are, counted from its beginning.
  function opening.crc_plan(head, revision)
    local plan, at = {segments = {}, sums = {}}, opening.preamble_size
    for index, length in ipairs(head.lengths) do
      plan.segments[index] = {at = at, length = length}
      at = at + length
      if revision == 1 and index == 1 and length > 0 then
        plan.sums[1] = at
        at = at + 4
      end
    end
    if revision == 0 or head.count > 1 then
      plan.late = at
      at = at + 1
      for index = revision == 1 and 2 or 1, 4 do
        plan.sums[index] = at
        at = at + 4
      end
    end
    plan.size = at
    return plan
  end

  -- Returns the blocks of a frame in secure mode, where they are on the wire and in what they hold (`plain`), and where
  -- the parts of the frame are in that.
  function opening.secure_plan(head, revision)
    local plan, plain = {segments = {}, blocks = {}}, opening.preamble_size
    for index, length in ipairs(head.lengths) do
      plan.segments[index] = {at = plain, length = length}
      plain = plain + padded(length)
      if revision == 1 and index == 1 then plain = opening.preamble_size + math.max(INLINE, padded(length)) end
    end
    if revision == 0 or head.count > 1 then
      plan.late = plain
      plain = plain + BLOCK
    end
    local cuts = {plain}
    if revision == 1 then
      local inline = opening.preamble_size + INLINE
      local first = opening.preamble_size + math.max(INLINE, padded(head.lengths[1]))
      cuts = {inline}
      if first > inline then cuts[#cuts + 1] = first end
      if plain > first then cuts[#cuts + 1] = plain end
    end
    local from, at = 0, 0
    for index, stop in ipairs(cuts) do
      plan.blocks[index] = {at = at, plain = from, size = stop - from}
      at = at + stop - from + TAG
      from = stop
    end
    plan.size = at
    return plan
  end

  -- What the last byte says of a frame.
  local function judge(frame, byte, revision)
    frame.late_value = byte
    if revision == 0 then
      frame.aborted = byte % 2 == 1
    elseif byte % 16 == 1 then
      frame.aborted = true
    elseif byte % 16 ~= 14 then
      frame.wrong = ("late status 0x%02x; its low half is 0xe (complete) or 0x1 (withdrawn)"):format(byte)
    end
  end

  -- Opens a frame of crc mode that begins at `base` of a tvb.
  function opening.crc_frame(view, base, head, plan, revision)
    local frame = {head = head, plan = plan, view = view, base = base, segments = {}, sums = {}}
    if plan.late then judge(frame, view:range(base + plan.late, 1):uint(), revision) end
    for index, segment in ipairs(plan.segments) do
      frame.segments[index] = {view = view, at = base + segment.at, length = segment.length, shown = segment.length}
      if plan.sums[index] then
        local sum = {at = base + plan.sums[index], index = index}
        if opening.checks then
          local told = view:range(sum.at, 4):le_uint()
          local raw = segment.length > 0 and view:range(base + segment.at, segment.length):raw() or ""
          sum.actual = crc32c.of(raw, crc32c.segment_seed)
          sum.right = sum.actual == told
        end
        frame.sums[#frame.sums + 1] = sum
      end
    end
    return frame
  end

  -- Opens a frame of secure mode. Of a long segment the beginning alone is decrypted.
  function opening.secure_frame(tvb, base, reading, revision)
    local head, plan = reading.head, opening.secure_plan(reading.head, revision)
    local frame = {head = head, plan = plan, base = 0, segments = {}, sums = {}, seals = {}}
    local nonces = {}
    for index, block in ipairs(plan.blocks) do
      nonces[index] = gcm.nonce(reading.first_nonce, reading.count + index - 1, revision)
      frame.seals[index] = {at = base + block.at + block.size}
    end

    local function fetch(from, size)
      local found = {}
      for index, block in ipairs(plan.blocks) do
        local start, stop = math.max(from, block.plain), math.min(from + size, block.plain + block.size)
        if start < stop then
          local sealed = tvb:range(base + block.at + start - block.plain, stop - start):raw()
          found[#found + 1] = gcm.decrypt(reading.key, nonces[index], sealed, (start - block.plain) / BLOCK)
        end
      end
      return table.concat(found)
    end

    local pieces, at = {fetch(0, opening.preamble_size)}, opening.preamble_size
    for index, segment in ipairs(plan.segments) do
      local limit = opening.longest > 0 and padded(opening.longest) or segment.length
      local shown = math.min(segment.length, limit)
      frame.segments[index] = {at = at, length = segment.length, shown = shown}
      pieces[#pieces + 1] = fetch(segment.at, padded(shown)):sub(1, shown)
      at = at + shown
    end
    if plan.late then
      frame.late_at = at
      pieces[#pieces + 1] = fetch(plan.late, BLOCK):sub(1, 1)
    end
    local plain = table.concat(pieces)
    for index, seal in ipairs(opening.checks and frame.seals or {}) do
      local known, block = reading.kept[index], plan.blocks[index]
      if known == nil then
        known = gcm.verifies(reading.key, nonces[index], tvb:range(base + block.at, block.size + TAG):raw())
        reading.kept[index] = known
      end
      seal.right = known
    end
    frame.view = ByteArray.new(plain, true):tvb("Decrypted msgr2 frame")
    for _, segment in ipairs(frame.segments) do segment.view = frame.view end
    if frame.late_at then judge(frame, plain:byte(frame.late_at + 1), revision) end
    return frame
  end
end
