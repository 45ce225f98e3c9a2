-- Gives an event its serial, keeps it and tells of it. When that was, in ms: done, 1: it had been done, 0: another log has begun.
-- KEYS log, stream, cache; ARGV log, name, envelope, command to publish with, topic, whether it breaks the epoch, whether
-- it may be there already; messages, bytes, age to keep; TTLs of the stream, of what is known of the channel, of the cache; all in
-- ms, 0 is none; the transport window: events, at most, age, bytes; how far back a retry looks
local known = redis.call('HMGET', KEYS[1], 'id', 'm:' .. ARGV[2])
if known[1] ~= ARGV[1] then return 0 end
local stream, envelope, breaks, now = KEYS[2], ARGV[3], ARGV[6] == '1', millis()

if ARGV[7] == '1' then
  local id, top = string.sub(envelope, 2, 9), '+'
  repeat
    local list = redis.pcall('XREVRANGE', stream, top, '-', 'COUNT', 32)
    if list.err then break end
    local old = #list < 32
    for _, e in ipairs(list) do
      local msg = e[2][2]
      if #msg >= 47 then
        if string.sub(msg, 40, 47) == id then return 1 end
        if struct.unpack('>I8', msg, 23) < now - ARGV[18] then
          old = true
          break
        end
      end
      top = '(' .. e[1]
    end
  until old
end

local serial, epoch, first, total, serialnext, totalnext, timenext, age, expires = meta(known[2])
if not serial then
  serial, epoch, first, total = start(ARGV[1], stream, now)
  serialnext, totalnext, timenext, age, expires = serial + 16, 0, NEVER, 0, 0
end
serial = serial + 1
if breaks then epoch = epoch + 1 end
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

local messages, bytes, ttl = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[11])
if breaks then
  -- Who breaks knows nothing of retention: what others asked for goes on.
  ttl = math.max(ttl, redis.call('PTTL', stream))
  expires = math.max(expires, now + ARGV[12])
else
  expires = now + ARGV[12]
  if age ~= tonumber(ARGV[10]) then
    age, timenext = tonumber(ARGV[10]), now
  end
end
if not breaks and (serial >= serialnext or total >= totalnext or now >= timenext) then
  local events, most, young, room = tonumber(ARGV[14]), tonumber(ARGV[15]), now - ARGV[16], tonumber(ARGV[17])
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

redis.call('HSET', KEYS[1], 'm:' .. ARGV[2], struct.pack(META, serial, epoch, first, total, serialnext, totalnext, timenext, age, expires))
redis.call('PEXPIRE', stream, num(ttl))
if ARGV[13] ~= '0' then redis.call('SET', KEYS[3], msg, 'PX', ARGV[13]) end
redis.call(ARGV[4], ARGV[5], msg)
return now
