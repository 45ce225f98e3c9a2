-- Says what there is of a topic: serial, epoch, first, what is cached, version of the records; then for each node with records
-- its id and its records, or 0 when those are too many for one answer. 0: another log has begun.
-- KEYS log, stream, cache, nodes with records; ARGV log, name, what the keys of a node's records begin with, TTL of what is
-- not known yet in ms, how many records are too many
local known = redis.call('HMGET', KEYS[1], 'id', 'm:' .. ARGV[2], 'v:' .. ARGV[2])
if known[1] ~= ARGV[1] then return 0 end
local now = millis()
local serial, epoch, first, _, _, _, _, age = meta(known[2])
if serial then
  first = head(KEYS[2], first, serial)
  if age > 0 and first <= serial then
    first = seek(KEYS[2], first, serial + 1, function(_, time) return time > now - age end)
  end
else
  -- It is written down, so that the epoch of the first event is the same, whenever it comes.
  local total
  serial, epoch, first, total = start(ARGV[1], KEYS[2], now)
  redis.pcall('HSET', KEYS[1], 'm:' .. ARGV[2], struct.pack(META, serial, epoch, first, total, serial + 16, 0, NEVER, 0, now + ARGV[4]))
end
local kept = redis.pcall('GET', KEYS[3])
if type(kept) ~= 'string' then kept = '' end
local version = base(ARGV[1])
if known[3] and #known[3] == 16 then version = struct.unpack('>I8', known[3]) end
local out = {num(serial), num(epoch), num(first), kept, num(version)}
local list, room = redis.pcall('HKEYS', KEYS[4]), tonumber(ARGV[5])
if list.err then return out end
for _, node in ipairs(list) do
  local key = ARGV[3] .. node
  local size = redis.pcall('HLEN', key)
  if type(size) == 'number' and size > 0 then
    out[#out + 1] = node
    room = room - size
    out[#out + 1] = room >= 0 and redis.call('HVALS', key) or 0
  end
end
return out
