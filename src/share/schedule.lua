-- The schedule of a shared quota for Redis and Valkey: the same as schedule/, which says why, and a test compares the two.
-- KEYS: the schedule, the ledger of tokens, the workers. ARGV: the exchange as JSON.
local x = cjson.decode(ARGV[1])
local now = x.now
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local max, min, floor, exp = math.max, math.min, math.floor, math.exp
local HORIZON, RETURN, QUIET, SET_BACK, LIFE, COUNT = 0.3, 2.0, 1.0, 5.0, 15.0, 1.0
local MARGIN, CREDIT, BUCKET, KEEP = 0.006, 1.0, 0.25, 3600000
local WINDOW = 60.0 * (1.0 + MARGIN)

local S, stored = {}, {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  stored[flat[i]] = flat[i + 1]
  S[flat[i]] = tonumber(flat[i + 1])
end
setmetatable(S, { __index = function() return 0 end })

local function text(number) return string.format('%.17g', number) end
local function lower(one, other) if one > 0 and (other <= 0 or one < other) then return one end return other end
local function clamp(value, low, high) return max(low, min(value, high)) end

if S.began == 0 or S.seen > now + SET_BACK then
  redis.call('DEL', unpack(KEYS))
  for field in pairs(S) do S[field] = nil end
  stored = {}
  S.began, S.opens = now, now + x.first_wait
  S.requests, S.tokens = S.opens, S.opens
end

-- The meter: sums that fade over a second and over a minute.
do
  local seconds = clamp(now - S.seen, 0, 10000)
  local second, minute = exp(-seconds), exp(-seconds / 60)
  S.s0, S.s1, S.m0, S.m1 = S.s0 * second, S.s1 * second, S.m0 * minute, S.m1 * minute
  S.refused = S.refused * minute
  S.seen = now
end
local function each_of(kind) if kind == 0 or S.m0 <= 0 then return 1 end return max(1, S.m1 / S.m0) end
local function meter_rate(kind, age, limit)
  if limit > 0 and age < 1 then return limit end
  local rate = max(S['s' .. kind] / (1 - exp(-clamp(age, 0.1, 10000))), each_of(kind))
  if limit > 0 then return min(rate, limit) end
  return rate
end

-- The ledger of tokens: a bucket is a field, and S.first is no later than the first of them.
local function bucket_of(at) return floor(at / BUCKET) end
local function leaves(bucket) return (bucket + 1) * BUCKET + WINDOW end
local function bucket(number) return tonumber(redis.call('HGET', KEYS[2], text(number)) or nil) end
local function enter(at, amount)
  local number = bucket_of(at)
  redis.call('HSET', KEYS[2], text(number), text((bucket(number) or 0) + amount))
  if S.first == 0 or number < S.first then S.first = number end
  S.sum = S.sum + amount
end
local function correct(at, difference)
  local middle = bucket_of(at)
  for _, number in ipairs({ middle, middle - 1, middle + 1 }) do
    local passed = bucket(number)
    if passed then
      local corrected = max(0, passed + difference)
      S.sum = S.sum + (corrected - passed)
      redis.call('HSET', KEYS[2], text(number), text(corrected))
      return
    end
  end
  if difference > 0 then enter(now, difference) end
end
local function forget()
  local last = bucket_of(now)
  if last - S.first > 1000 then
    redis.call('DEL', KEYS[2])
    S.first = last
  end
  while S.first < last and leaves(S.first) <= now do
    local passed = bucket(S.first)
    if passed then
      S.sum = S.sum - passed
      redis.call('HDEL', KEYS[2], text(S.first))
    end
    S.first = S.first + 1
  end
  if redis.call('HLEN', KEYS[2]) == 0 then S.sum = 0 end
end
local function ledger_ready(amount, limit)
  limit = limit * 0.995
  amount = min(amount, limit)
  local left, number, last = S.sum, S.first, bucket_of(now) + 8
  while left + amount > limit + 1e-6 and number <= last do
    local passed = bucket(number)
    if passed then
      left = left - passed
      if left + amount <= limit + 1e-6 then return leaves(number) end
    end
    number = number + 1
  end
  return now
end

-- The brake: CUBIC, with its fields under a letter, a for requests and b for tokens.
local function brake_rate(k, at)
  if S[k .. 'cut'] == 0 then return 0 end
  local from = max(S[k .. 'known'], S[k .. 'held'])
  if at < from then return S[k .. 'low'] end
  local left = 1 - min((at - from) / S[k .. 'climb'], 1)
  local grown = max((at - from - S[k .. 'climb']) / S[k .. 'growth'], 0)
  local share = 1 + 0.1 * grown * grown * grown
  if share >= 50 then return 0 end
  return S[k .. 'level'] * share - (S[k .. 'level'] - S[k .. 'low']) * left * left * left
end
local function brake_forget(k)
  for _, field in ipairs({ 'cut', 'low', 'level', 'before', 'known', 'climb', 'growth', 'shut', 'next' }) do
    S[k .. field] = 0
  end
end
local function restart(k, rate, level, growth, refusal)
  S[k .. 'cut'], S[k .. 'shut'] = now, now
  S[k .. 'low'], S[k .. 'level'] = rate * 0.9, level * 0.985
  S[k .. 'climb'] = max(2, 12 * refusal.each / S[k .. 'level'])
  S[k .. 'growth'] = max(min(growth, max(64, 1000 * refusal.each / S[k .. 'level'])), S[k .. 'climb'])
  S[k .. 'known'] = now + refusal.each / S[k .. 'low'] + clamp(2 * refusal.ago, 0.05, 5)
end
local function cut_again(k, sent, refusal)
  local own, rate = brake_rate(k, sent), refusal.rate
  if own > 0 then rate = min(own, refusal.rate * 1.5) end
  local level_before, is_known = S[k .. 'level'], S[k .. 'growth'] > S[k .. 'climb'] * 4
  local fall, least = 0.15, 0
  if is_known then fall, least = 0.9, min(level_before, refusal.let_in * 0.98) end
  local share, level, growth, before = rate / level_before, rate, S[k .. 'growth'], S[k .. 'before']
  if share < 0.999 then
    level = max(rate, level_before * fall, least)
  else
    if share < 1.3 then growth = growth * 2 else growth = growth / 2 end
    before = level * 0.985
  end
  restart(k, rate, level, growth, refusal)
  S[k .. 'before'] = before
end
local function again(k, refusal)
  local slowest = max(0.1 * refusal.each, S[k .. 'before'] * 0.025)
  S[k .. 'low'] = min(S[k .. 'low'], max(slowest, S[k .. 'low'] * 0.5))
  S[k .. 'cut'] = now
  S[k .. 'known'] = now + refusal.each / S[k .. 'low'] + clamp(2 * refusal.ago, 0.05, 5)
  local shut = now - S[k .. 'shut']
  if shut > 61 then
    S[k .. 'level'], S[k .. 'growth'] = S[k .. 'before'], S[k .. 'climb']
  elseif shut > 2.5 then
    S[k .. 'level'] = max(S[k .. 'low'], min(S[k .. 'before'], refusal.let_in))
    S[k .. 'growth'] = max(64, 1000 * refusal.each / S[k .. 'level'])
  end
end
local function throttled(k, refusal)
  if refusal.retry_after > 0 then S[k .. 'held'] = max(S[k .. 'held'], now + refusal.retry_after) end
  local sent = now - refusal.ago
  if refusal.is_stray or sent < S[k .. 'cut'] then return end
  if S[k .. 'cut'] == 0 then
    restart(k, refusal.rate, refusal.rate, 0, refusal)
    S[k .. 'before'] = S[k .. 'level']
  elseif sent < max(S[k .. 'known'], S[k .. 'held']) then
    again(k, refusal)
  else
    cut_again(k, sent, refusal)
  end
  S[k .. 'next'] = now + refusal.each / S[k .. 'low']
end

-- The living, and the lowest of their limits.
local function requests_each_second(qps, qpm) return lower(qps, qpm / 60) end
do
  local known = redis.call('HGET', KEYS[3], x.worker)
  local limits = text(x.qps) .. ' ' .. text(x.qpm) .. ' ' .. text(x.tpm)
  redis.call('HSET', KEYS[3], x.worker, text(now + LIFE) .. ' ' .. limits)
  local same = known and string.sub(known, string.find(known, ' ', 1, true) + 1) == limits
  if not (same and now < S.counted + COUNT) then
    local qps, qpm, tpm, count = 0, 0, 0, 0
    local all = redis.call('HGETALL', KEYS[3])
    for i = 1, #all, 2 do
      local words = {}
      for word in string.gmatch(all[i + 1], '%S+') do words[#words + 1] = tonumber(word) end
      if words[1] <= now then
        redis.call('HDEL', KEYS[3], all[i])
      else
        qps, qpm, tpm, count = lower(qps, words[2]), lower(qpm, words[3]), lower(tpm, words[4]), count + 1
      end
    end
    if tpm > 0 and tpm < S.tpm then
      local share = tpm / S.tpm
      local buckets = redis.call('HGETALL', KEYS[2])
      for i = 1, #buckets, 2 do
        redis.call('HSET', KEYS[2], buckets[i], text(tonumber(buckets[i + 1]) * share))
      end
      S.sum = S.sum * share
    end
    local function raised(before, after) return before > 0 and (after <= 0 or after > before) end
    if raised(requests_each_second(S.qps, S.qpm), requests_each_second(qps, qpm)) then brake_forget('a') end
    if raised(S.tpm, tpm) then brake_forget('b') end
    S.qps, S.qpm, S.tpm, S.count, S.counted = qps, qpm, tpm, count, now
  end
end

-- The spaces that follow from the limits.
local each, lag, good, credit = 0, 0.02, 1, 0.02
if S.qpm > 0 or S.tpm > 0 then good = 0.1 end
for _, limit in ipairs({ { S.qps, 1 }, { S.qpm, 60 } }) do
  local amount = limit[1]
  if amount > 0 then
    local window = limit[2] * max(1, 1 / amount)
    local own_lag, own_good = min(window * 0.003, 0.02), min(window * 0.01, 0.1)
    each = max(each, (window * (1 + MARGIN) + own_lag + own_good) / floor(max(amount, 1) + 1e-9))
    lag, good, credit = min(lag, own_lag), min(good, own_good), CREDIT
  end
end

-- A worker that kept to its part is back.
if x.divided_by > 0 then
  if now - S.granted > QUIET and now > S.opens + QUIET then S.opens = now + RETURN end
  if now < S.opens then
    S.requests = max(S.requests, S.opens + x.divided_by * each)
    S.tokens = max(S.tokens, S.opens + CREDIT)
  end
end

for _, settled in ipairs(x.settled) do
  local ago, difference = settled[1], settled[2]
  correct(now - ago, difference)
  S.m1 = max(0, S.m1 + difference)
  if S.tpm > 0 then
    local shift, earliest = difference * 60 * (1 + MARGIN) / S.tpm, now - credit
    if difference > 0 then
      S.tokens = max(S.tokens, earliest) + shift
    else
      S.tokens = max(S.tokens + shift, earliest)
    end
  end
  local rate = brake_rate('b', now)
  if rate > 0 then S.bnext = max(now, S.bnext + difference / rate) end
end

for _, refused in ipairs(x.throttled) do
  S.refused = S.refused + 1
  local k, kind, limit = 'a', 0, requests_each_second(S.qps, S.qpm)
  if refused[3] == 1 then k, kind, limit = 'b', 1, S.tpm / 60 end
  throttled(k, {
    ago = refused[1],
    retry_after = refused[2],
    rate = meter_rate(kind, now - S.began, limit),
    let_in = max(0, S['m' .. kind] - S.refused * each_of(kind)) / 60,
    each = each_of(kind),
    is_stray = S.refused <= 0.001 * S.m0,
  })
end

local reply = {}
local function take(turns, tokens)
  forget()
  local rates = { a = brake_rate('a', now), b = brake_rate('b', now) }
  local at, held_by = max(now, S.opens), 'requests'
  if each > 0 then at = max(at, S.requests) end
  for _, k in ipairs({ 'a', 'b' }) do
    local ready = S[k .. 'held']
    if rates[k] > 0 then ready = max(ready, S[k .. 'next']) end
    if ready > at then at, held_by = ready, 'brake' end
  end
  if S.tpm > 0 then
    local free = max(S.tokens, ledger_ready(tokens, S.tpm))
    if free > at then at, held_by = free, 'tokens' end
  end
  if at - now > HORIZON then
    reply.later, reply.held_by = at - now - HORIZON, held_by
    return
  end
  local till = at
  if each > 0 then
    S.requests = max(S.requests, at - lag) + turns * each
    till = max(till, S.requests)
  end
  if S.tpm > 0 then
    S.tokens = max(S.tokens, at - credit) + tokens * (60 * (1 + MARGIN) / S.tpm)
    till = max(till, S.tokens)
  end
  enter(at, tokens)
  for k, amount in pairs({ a = turns, b = tokens }) do
    if rates[k] > 0 then
      S[k .. 'next'] = max(S[k .. 'next'], at - 0.02) + amount / rates[k]
      till = max(till, S[k .. 'next'])
    end
  end
  S.s0, S.s1, S.m0, S.m1 = S.s0 + turns, S.s1 + tokens, S.m0 + turns, S.m1 + tokens
  S.granted = now
  reply.wait, reply.every, reply.good = at - now, (till - at) / max(1, turns), good
end
if x.turns > 0 then take(x.turns, x.tokens) end

local changed = {}
for field, value in pairs(S) do
  local shown = text(value)
  if shown ~= stored[field] then
    changed[#changed + 1] = field
    changed[#changed + 1] = shown
  end
end
if #changed > 0 then redis.call('HSET', KEYS[1], unpack(changed)) end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, KEEP) end

reply.workers, reply.qps, reply.qpm, reply.tpm = S.count, S.qps, S.qpm, S.tpm
reply.opens = max(0, S.opens - now)
return cjson.encode(reply)
