-- Gives an event its serial, keeps it and tells of it. 1: done, 0: another log has begun.
-- KEYS log, meta, stream, cache; ARGV log, envelope, command to publish with, topic, whether it breaks the epoch, whether
-- it may be there already; messages, bytes, age to keep; TTLs of the stream, of the meta, of the cache; all in ms, 0 is none;
-- the transport window: events, at most, age, bytes; how far back a retry looks
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local stream, envelope, now = KEYS[3], ARGV[2], millis()

if ARGV[6] == '1' then
  local id, top = string.sub(envelope, 2, 9), '+'
  repeat
    local list = redis.pcall('XREVRANGE', stream, top, '-', 'COUNT', 32)
    if list.err then break end
    local old = #list < 32
    for _, e in ipairs(list) do
      local msg = e[2][2]
      if #msg >= 47 then
        if string.sub(msg, 40, 47) == id then return 1 end
        if struct.unpack('>I8', msg, 23) < now - ARGV[17] then
          old = true
          break
        end
      end
      top = '(' .. e[1]
    end
  until old
end

local serial, epoch, first, total, serialnext, totalnext, timenext, age = load(KEYS[2])
if not serial then
  serial, epoch, first, total = start(ARGV[1], stream, now)
  serialnext, totalnext, timenext, age = serial + 16, 0, NEVER, 0
end
serial = serial + 1
if ARGV[5] == '1' then epoch = epoch + 1 end
local msg = struct.pack('>BBc8I4I8I8I8', 1, 1, ARGV[1], epoch, serial, now, total) .. envelope
local added = redis.pcall('XADD', stream, num(serial) .. '-0', 'e', msg)
if type(added) == 'table' and added.err then
  local refused = string.match(added.err, 'OOM') or string.match(added.err, 'MISCONF') or string.match(added.err, 'NOREPLICAS') or string.match(added.err, 'READONLY')
  if refused then return added end
  redis.call('DEL', stream) -- it is no stream, or somebody else has put larger ids into it
  redis.call('XADD', stream, num(serial) .. '-0', 'e', msg)
  first = serial
end
total = total + #envelope

local messages, bytes, streamttl, metattl = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[10]), tonumber(ARGV[11])
if ARGV[5] == '1' then
  -- Who breaks knows nothing of retention: what others asked for goes on.
  streamttl = math.max(streamttl, redis.call('PTTL', stream))
  metattl = math.max(metattl, redis.call('PTTL', KEYS[2]))
elseif age ~= tonumber(ARGV[9]) then
  age, timenext = tonumber(ARGV[9]), now
end
if ARGV[5] ~= '1' and (serial >= serialnext or total >= totalnext or now >= timenext) then
  local events, most, young, room = tonumber(ARGV[13]), tonumber(ARGV[14]), now - ARGV[15], tonumber(ARGV[16])
  local oldest = seek(stream, first, serial, function(at, time, before)
    local behind, size = serial - at, total - before
    return behind < messages and (bytes == 0 or size <= bytes) and (age == 0 or time > now - age)
      or size <= room and (behind < events or time > young and behind < most)
  end)
  if oldest > first then
    first = oldest
    redis.call('XTRIM', stream, 'MINID', num(first) .. '-0')
  end
  serialnext = serial + math.max(16, math.floor((serial - first + 1) / 8))
  totalnext = total + math.floor(math.max(room, bytes) / 8)
  if messages > 0 and bytes == 0 then totalnext = NEVER end
  timenext = age > 0 and now + math.max(1000, math.floor(age / 8)) or NEVER
end

redis.call('SET', KEYS[2], struct.pack(META, serial, epoch, first, total, serialnext, totalnext, timenext, age), 'PX', num(metattl))
redis.call('PEXPIRE', stream, num(streamttl))
if ARGV[12] ~= '0' then redis.call('SET', KEYS[4], msg, 'PX', ARGV[12]) end
redis.call(ARGV[3], ARGV[4], msg)
return 1
