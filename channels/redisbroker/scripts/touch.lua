-- Renews what would be forgotten of topics that somebody hears.
-- KEYS log; ARGV TTL in ms, names
local expires = millis() + ARGV[1]
for i = 2, #ARGV do
  local m, v = 'm:' .. ARGV[i], 'v:' .. ARGV[i]
  local known = redis.call('HMGET', KEYS[1], m, v)
  local meta, version = known[1], known[2]
  if meta and #meta == SIZE and struct.unpack('>I8', meta, SIZE - 7) < expires then
    redis.call('HSET', KEYS[1], m, string.sub(meta, 1, SIZE - 8) .. struct.pack('>I8', expires))
  end
  if version and #version == 16 and struct.unpack('>I8', version, 9) < expires then
    redis.call('HSET', KEYS[1], v, string.sub(version, 1, 8) .. struct.pack('>I8', expires))
  end
end
return 1
