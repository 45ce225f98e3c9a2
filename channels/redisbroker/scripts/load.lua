-- Says what there is of a topic: serial, epoch, first, what is cached, version; then for each node with records its id
-- and its records. 0: another log has begun.
-- KEYS log, meta, stream, cache, records; ARGV log, what the keys of a node's records begin with, TTL of a new meta in ms
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local now = millis()
local serial, epoch, first, _, _, _, _, age = load(KEYS[2])
if serial then
  first = head(KEYS[3], first, serial)
  if age > 0 and first <= serial then
    first = seek(KEYS[3], first, serial + 1, function(_, time) return time > now - age end)
  end
else
  -- It is written down, so that the epoch of the first event is the same, whenever it comes.
  local total
  serial, epoch, first, total = start(ARGV[1], KEYS[3], now)
  redis.pcall('SET', KEYS[2], struct.pack(META, serial, epoch, first, total, serial + 16, 0, NEVER, 0), 'PX', ARGV[3])
end
local kept = redis.pcall('GET', KEYS[4])
if type(kept) ~= 'string' then kept = '' end
local out = {num(serial), num(epoch), num(first), kept, num(base(ARGV[1]))}
local list = redis.pcall('HGETALL', KEYS[5])
if list.err then return out end
for i = 1, #list, 2 do
  if list[i] == 'v' then
    out[5] = list[i + 1]
  else
    local records = redis.pcall('HVALS', ARGV[2] .. list[i])
    if not records.err and #records > 0 then
      out[#out + 1] = list[i]
      out[#out + 1] = records
    end
  end
end
return out
