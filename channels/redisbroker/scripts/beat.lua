-- Renews the lease of a node and lists who has one: 0, 1 when this one had none, or the error with which Redis refuses to
-- write; then node and the ms that are left of each.
-- KEYS leases; ARGV node, lease in ms, command to publish with, topic, what to tell there when this one had none
local now = millis()
local old = redis.pcall('ZSCORE', KEYS[1], ARGV[1])
if type(old) == 'table' then
  redis.call('DEL', KEYS[1])
  old = false
end
local state = (old and tonumber(old) > now) and 0 or 1
local r = redis.pcall('ZADD', KEYS[1], num(now + ARGV[2]), ARGV[1])
if type(r) == 'table' and r.err then
  state = r.err
else
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', num(now - 60000))
  if state == 1 then redis.call(ARGV[3], ARGV[4], ARGV[5]) end
end
local list = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. num(now), '+inf', 'WITHSCORES')
local out = {state}
for i = 1, #list, 2 do
  out[#out + 1] = list[i]
  out[#out + 1] = num(list[i + 1] - now)
end
return out
