-- Says which log a partition has, and begins one when there is none, or one of another server or another run of it, or one that
-- is not later than what somebody knows: its id, whether it begins now, and when it did, in ms.
-- KEYS log; ARGV run of this server, 4 random bytes, the log that is known or '', command to publish with, topic
local taken = redis.pcall('HDEL', KEYS[1], '-') -- a replica answers as well, and takes nothing
if type(taken) == 'table' and string.match(taken.err, 'READONLY') then return taken end
local v = redis.pcall('HMGET', KEYS[1], 'id', 'run', 'at')
if v.err then v = {} end
local id, known = v[1], ARGV[3]
if id and #id ~= 8 then id = false end
local now = millis()
local seconds = math.floor(now / 1000)
if #known == 8 then
  local second = struct.unpack('>I4', known) + 1
  if id and id ~= known and struct.unpack('>I4', id) < second then v[2] = nil end
  seconds = math.max(seconds, second)
end
if id and v[2] == ARGV[1] then return {id, 0, v[3] or '0'} end
if id then seconds = math.max(seconds, struct.unpack('>I4', id) + 1) end
id = struct.pack('>I4', seconds) .. ARGV[2]
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'id', id, 'run', ARGV[1], 'at', num(now))
redis.call(ARGV[4], ARGV[5], '\1\3' .. id)
return {id, 1, num(now)}
