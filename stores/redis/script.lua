-- Takes tokens from buckets, and gives some back, in the order in which that is
-- asked for, by the generic cell rate algorithm: see package gcra of bearer.
--
-- A bucket is the time at which the last of its tokens arrives. One that is full
-- has no key. Times are two numbers, of which a second that is zero is left out in
-- Redis: whole microseconds of the server's clock and a rest of
-- less than one, in 2^-36 of a sixteenth of a nanosecond: numbers of Lua are
-- doubles, which are exact up to 2^53, and the rest is less than 2^50.3, so that
-- the sum of two is exact.
--
-- An example: at 7 tokens a second, a token takes 2,285,714,285.714… sixteenths of
-- a nanosecond. That is 142,857 microseconds, of 16,000 sixteenths each, and 2285.714…
-- sixteenths, and so a rest of 157,073,089,682,286, which is rounded up: a bucket
-- that never gets full is a sixteenth of a nanosecond late after 2^36 takes. Full at
-- 1,000,000 µs, it is full again at 1,142,857 µs and that rest after a take, and at
-- 1,285,714 µs and twice that after two.
--
-- KEYS are the buckets. ARGV are groups, one after the other:
--   how often it is to be taken, until that is refused; 0: the tokens come back
--   how many buckets it has, and for each of them
--     its index in KEYS
--     how long it may take to fill, at most: microseconds, rest
--     how long the tokens take to flow in: microseconds, rest; 0 0: only look
-- Each time, it is taken from all buckets of the group, or from none.
--
-- The reply has for each group
--   how often it was taken
--   for each bucket how long it took to fill before that: microseconds, rest
local MICRO = 1099511627776000 -- 16000 * 2^36
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- What is missing from each bucket, as the time in which it flows in. MGET takes
-- what is no text for nothing, and so do the rest of these lines for what is no time.
local micros, rests, changed = {}, {}, {}
local held = redis.call('MGET', (table.unpack or unpack)(KEYS))
for k = 1, #KEYS do
  local m, r = tonumber(held[k] or 0), 0
  if not m then
    m, r = string.match(held[k], '^(%d+) (%d+)$')
    m, r = tonumber(m or 0), tonumber(r or 0)
  end
  m = m - now
  if not (m >= 0) then
    m, r = 0, 0
  end
  micros[k], rests[k] = m, r
end

local reply, done = {}, 0
local at, last = 1, #ARGV
while at < last do
  local most, size = ARGV[at] + 0, ARGV[at + 1] + 0
  local result = done + 1
  at, done = at + 2, done + 1
  reply[result] = 0

  local group = {} -- of each bucket: its index, its depth, the cost
  for i = 1, 5 * size, 5 do
    local k, m, r = ARGV[at] + 0, ARGV[at + 1] + 0, ARGV[at + 2] + 0
    group[i], group[i + 1], group[i + 2], group[i + 3], group[i + 4] = k, m, r, ARGV[at + 3] + 0, ARGV[at + 4] + 0
    if micros[k] > m or micros[k] == m and rests[k] > r then
      -- The limit was lowered, or the clock was set back: then the bucket is empty.
      micros[k], rests[k], changed[k] = m, r, true
    end
    reply[done + 1], reply[done + 2] = micros[k], rests[k]
    at, done = at + 5, done + 2
  end

  local taken, fits = 0, true
  while taken < most and fits do
    for i = 1, 5 * size, 5 do
      local k, depth = group[i], group[i + 1]
      local m, r = micros[k] + group[i + 3], rests[k] + group[i + 4]
      if r >= MICRO then
        m, r = m + 1, r - MICRO
      end
      fits = fits and (m < depth or m == depth and r <= group[i + 2])
    end
    for i = 1, fits and 5 * size or 0, 5 do
      local k = group[i]
      local m, r = micros[k] + group[i + 3], rests[k] + group[i + 4]
      if r >= MICRO then
        m, r = m + 1, r - MICRO
      end
      changed[k] = changed[k] or micros[k] ~= m or rests[k] ~= r
      micros[k], rests[k] = m, r
    end
    taken = fits and taken + 1 or taken
  end
  reply[result] = taken

  for i = 1, most == 0 and 5 * size or 0, 5 do
    local k = group[i]
    local m, r = micros[k] - group[i + 3], rests[k] - group[i + 4]
    if r < 0 then
      m, r = m - 1, r + MICRO
    end
    if m < 0 then
      m, r = 0, 0
    end
    changed[k] = changed[k] or micros[k] ~= m or rests[k] ~= r
    micros[k], rests[k] = m, r
  end
end

-- A key expires when its bucket is full, or up to three milliseconds later: times
-- of expiry are whole milliseconds since a moment before this script.
for k = 1, #KEYS do
  local m, r = micros[k], rests[k]
  if not changed[k] then
    -- nothing to write
  elseif m == 0 and r == 0 then
    redis.call('DEL', KEYS[k])
  else
    local text = r == 0 and string.format('%.0f', now + m) or string.format('%.0f %.0f', now + m, r)
    redis.call('SET', KEYS[k], text, 'PX', math.floor(m / 1000) + 3)
  end
end
return reply
