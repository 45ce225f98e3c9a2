-- Tries each command that the other scripts use, on a key that nobody has and that is gone in the end: how many nodes there
-- are, then name and error of each command that is refused.
-- KEYS a key, leases; ARGV command to publish with, topic
local out = {'0'}

local function try(...)
  local r = redis.pcall(...)
  if type(r) == 'table' and r.err then
    out[#out + 1] = (...)
    out[#out + 1] = r.err
    return nil
  end
  return r
end

local key = KEYS[1]
local now = try('TIME')
if now then
  local live = try('ZRANGEBYSCORE', KEYS[2], '(' .. now[1] * 1000, '+inf', 'WITHSCORES')
  if live then out[1] = string.format('%.0f', #live / 2) end
end
try('HSET', key, 'f', 'v')
try('HGET', key, 'f')
try('HMGET', key, 'f')
try('HGETALL', key)
try('HVALS', key)
try('HKEYS', key)
try('HLEN', key)
try('HSCAN', key, '0')
try('HDEL', key, 'f')
try('ZADD', key, 1, 'm')
try('ZSCORE', key, 'm')
try('ZREMRANGEBYSCORE', key, '-inf', '(1')
try('ZREM', key, 'm')
try('XADD', key, '1-0', 'e', 'v')
try('XRANGE', key, '-', '+', 'COUNT', 1)
try('XREVRANGE', key, '+', '-', 'COUNT', 1)
try('XTRIM', key, 'MINID', '2-0')
try('EXISTS', key)
try('PEXPIRE', key, 60000)
try('PTTL', key)
try('UNLINK', key)
try('SET', key, 'v', 'PX', 60000)
try('GET', key)
try('DEL', key)
try(ARGV[1], ARGV[2], '')
return out
