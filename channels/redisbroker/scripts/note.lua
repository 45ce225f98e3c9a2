-- Changes the records of one node on a topic and tells of what has changed. 1: done, 0: there is no log.
-- KEYS log, records, records of the node; ARGV mode, node, command to publish with, topic, TTL in ms, then key and envelope
-- of each record ('put', 'replace'), or one key ('drop')
local log = redis.call('HGET', KEYS[1], 'id')
if not log or #log ~= 8 then return 0 end
local mode, node = ARGV[1], ARGV[2]
local known = redis.pcall('HMGET', KEYS[2], 'v', node)
if known.err then
  redis.call('DEL', KEYS[2])
  known = {}
end
local version, changed = tonumber(known[1] or nil) or base(log), false

local function tell(envelope, gone)
  version, changed = version + 1, true
  redis.call(ARGV[3], ARGV[4], struct.pack('>BBI8B', 1, 2, version, gone) .. envelope)
end

local have = {}
if mode == 'replace' then
  local list = redis.pcall('HGETALL', KEYS[3])
  if list.err then
    redis.call('DEL', KEYS[3])
    list = {}
  end
  for i = 1, #list, 2 do have[list[i]] = list[i + 1] end
else
  local old = redis.pcall('HGET', KEYS[3], ARGV[6])
  if type(old) == 'table' then
    redis.call('DEL', KEYS[3])
  elseif old then
    have[ARGV[6]] = old
  end
end

if mode ~= 'drop' then
  for i = 6, #ARGV, 2 do
    local key, envelope = ARGV[i], ARGV[i + 1]
    if have[key] ~= envelope then
      redis.call('HSET', KEYS[3], key, envelope)
      tell(envelope, 0)
    end
    if mode == 'replace' then have[key] = nil end
  end
end
if mode ~= 'put' then
  for key, envelope in pairs(have) do
    redis.call('HDEL', KEYS[3], key)
    tell(envelope, 1)
  end
end

if redis.call('EXISTS', KEYS[3]) == 1 then
  if not known[2] then redis.call('HSET', KEYS[2], node, '') end
  redis.call('PEXPIRE', KEYS[3], ARGV[5])
elseif known[2] then
  redis.call('HDEL', KEYS[2], node)
end
if changed then redis.call('HSET', KEYS[2], 'v', num(version)) end
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
