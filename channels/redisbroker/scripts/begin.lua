-- Says which log a partition has, and begins one when there is none or another server, or another run of it, had it.
-- KEYS log; ARGV run of this server, 4 random bytes, the first second a new log may have, command to publish with, topic
local v = redis.pcall('HMGET', KEYS[1], 'id', 'run')
if v.err then
  redis.call('DEL', KEYS[1])
  v = {}
end
local id = v[1]
if id and #id ~= 8 then id = false end
if id and v[2] == ARGV[1] then return {id, 0} end
local seconds = math.max(tonumber(redis.call('TIME')[1]), tonumber(ARGV[3]))
if id then seconds = math.max(seconds, (struct.unpack('>I4', id)) + 1) end
id = struct.pack('>I4', seconds) .. ARGV[2]
redis.call('HSET', KEYS[1], 'id', id, 'run', ARGV[1])
redis.call(ARGV[4], ARGV[5], '\1\3' .. id)
return {id, 1}
