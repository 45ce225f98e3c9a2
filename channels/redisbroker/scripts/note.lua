-- Changes the records of one node on a topic and tells of what has changed. 1: done, 0: there is no log.
-- KEYS log, nodes with records, records of the node; ARGV name, mode, node, command to publish with, topic, TTL in ms, then
-- key and envelope of each record ('put', 'replace'), one key ('drop'), or all keys that stay ('prune')
local name, mode, node = ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HMGET', KEYS[1], 'id', 'v:' .. name)
if not known[1] or #known[1] ~= 8 then return 0 end
local log, version, changed = known[1], nil, false
if known[2] and #known[2] == 16 then version = struct.unpack('>I8', known[2]) end
version = version or base(log)

local function tell(envelope, gone)
  version, changed = version + 1, true
  redis.call(ARGV[4], ARGV[5], struct.pack('>BBI8B', 1, 2, version, gone) .. envelope)
end

local function bring(key, envelope)
  redis.call('HSET', KEYS[3], key, envelope)
  tell(envelope, 0)
end

local function take(key, envelope)
  redis.call('HDEL', KEYS[3], key)
  tell(envelope, 1)
end

for i = 2, 3 do -- of another type they are not ours
  local size = redis.pcall('HLEN', KEYS[i])
  if type(size) == 'table' then redis.call('DEL', KEYS[i]) end
end
if mode == 'put' then
  for i = 7, #ARGV, 2 do
    if redis.call('HGET', KEYS[3], ARGV[i]) ~= ARGV[i + 1] then bring(ARGV[i], ARGV[i + 1]) end
  end
elseif mode == 'drop' then
  local envelope = redis.call('HGET', KEYS[3], ARGV[7])
  if envelope then take(ARGV[7], envelope) end
else
  local gone, list = {}, redis.call('HGETALL', KEYS[3])
  for i = 1, #list, 2 do gone[list[i]] = list[i + 1] end
  for i = 7, #ARGV, mode == 'replace' and 2 or 1 do
    local key = ARGV[i]
    if mode == 'replace' and gone[key] ~= ARGV[i + 1] then bring(key, ARGV[i + 1]) end
    gone[key] = nil
  end
  for key, envelope in pairs(gone) do take(key, envelope) end
end

if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('HSET', KEYS[2], node, '')
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
else
  redis.call('HDEL', KEYS[2], node)
end
if changed then redis.call('HSET', KEYS[1], 'v:' .. name, struct.pack(VERSION, version, millis() + ARGV[6])) end
return 1
