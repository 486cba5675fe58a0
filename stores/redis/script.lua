-- Takes tokens from buckets, and gives some back, in the order in which that is
-- asked for, by the generic cell rate algorithm: see package gcra of bearer.
--
-- A bucket is the time at which the last of its tokens arrives. One that is full
-- has no key. Times are whole microseconds of the server's clock and a rest of
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

-- What is missing from each bucket, as the time in which it flows in.
local micros, rests, changed = {}, {}, {}
local held = redis.call('MGET', unpack(KEYS))
for k = 1, #KEYS do
  local m, r
  if held[k] then
    m, r = string.match(held[k], '^(%d+) (%d+)$')
  end
  m, r = (tonumber(m) or 0) - now, tonumber(r) or 0
  if m < 0 then
    m, r = 0, 0
  end
  micros[k], rests[k] = m, r
end

local reply, done = {}, 0
local function tell(n)
  done = done + 1
  reply[done] = n
end

local at, last = 1, #ARGV
while at < last do
  local most, size = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local bucket, depthM, depthR, costM, costR = {}, {}, {}, {}, {}
  at = at + 2
  for i = 1, size do
    local k = tonumber(ARGV[at])
    bucket[i] = k
    depthM[i], depthR[i] = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    costM[i], costR[i] = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
    at = at + 5
    -- The limit was lowered, or the clock was set back: then the bucket is empty.
    if micros[k] > depthM[i] or micros[k] == depthM[i] and rests[k] > depthR[i] then
      micros[k], rests[k], changed[k] = depthM[i], depthR[i], true
    end
  end

  local slot = done + 1
  tell(0)
  for i = 1, size do
    tell(micros[bucket[i]])
    tell(rests[bucket[i]])
  end

  local taken = 0
  local m, r = {}, {}
  while taken < most do
    local fits = true
    for i = 1, size do
      local k = bucket[i]
      m[i], r[i] = micros[k] + costM[i], rests[k] + costR[i]
      if r[i] >= MICRO then
        m[i], r[i] = m[i] + 1, r[i] - MICRO
      end
      fits = fits and (m[i] < depthM[i] or m[i] == depthM[i] and r[i] <= depthR[i])
    end
    if not fits then
      break
    end
    for i = 1, size do
      if costM[i] > 0 or costR[i] > 0 then
        local k = bucket[i]
        micros[k], rests[k], changed[k] = m[i], r[i], true
      end
    end
    taken = taken + 1
  end
  reply[slot] = taken

  if most == 0 then
    for i = 1, size do
      local k = bucket[i]
      local m, r = micros[k] - costM[i], rests[k] - costR[i]
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
end

-- A key expires when its bucket is full, or up to three milliseconds later: times
-- of expiry are whole milliseconds since a moment before this script.
for k = 1, #KEYS do
  if not changed[k] then
    -- nothing to write
  elseif micros[k] == 0 and rests[k] == 0 then
    redis.call('DEL', KEYS[k])
  else
    local text = string.format('%.0f %.0f', now + micros[k], rests[k])
    redis.call('SET', KEYS[k], text, 'PX', string.format('%.0f', math.floor(micros[k] / 1000) + 3))
  end
end
return reply
