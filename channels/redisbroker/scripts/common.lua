-- Shared by all scripts. Numbers are below 2^53, so that Lua's doubles have them exactly, and "%.0f" prints them.

-- META is what the log has of a channel, in the field m:NAME: serial, epoch, first (the oldest serial that is kept), total (bytes
-- of all events so far), when to look what may go: at a serial, at a total, at a time; the age that was asked for, in ms, and
-- when all this may be forgotten. VERSION is the field v:NAME: of a topic's records, and when it may be forgotten.
local META, SIZE = '>I8I4I8I8I8I8I8I8I8', 68
local VERSION = '>I8I8'
local NEVER = 2 ^ 52

local function num(n) return string.format('%.0f', n) end

local function millis()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- base is what the serials of a log begin behind: it rises by a million each second, more than a channel has events in one.
local function base(log)
  return math.max(0, struct.unpack('>I4', log) - 1735689600) * 1048576
end

-- entry is the message with a serial, its time and the bytes before it, or nil.
local function entry(stream, serial)
  local list = redis.call('XRANGE', stream, num(serial) .. '-0', num(serial) .. '-0')
  local msg = list[1] and list[1][2][2]
  if not msg or #msg < 38 then return nil end
  local time, before = struct.unpack('>I8I8', msg, 23)
  return msg, time, before
end

-- seek is the smallest serial of first..last for which keep(serial, time, before) holds; it holds for last, and for what
-- is behind one for which it does. What is no entry of ours is passed over.
local function seek(stream, first, last, keep)
  while first < last do
    local mid = math.floor((first + last) / 2)
    local msg, time, before = entry(stream, mid)
    if not msg or keep(mid, time, before) then last = mid else first = mid + 1 end
  end
  return first
end

-- head is the oldest serial that a stream really has; last + 1 when it has none.
local function head(stream, first, last)
  local list = redis.pcall('XRANGE', stream, '-', '+', 'COUNT', 1)
  if list.err or not list[1] then return last + 1 end
  return math.max(first, tonumber(string.match(list[1][1], '^%d+')))
end

-- start is serial, epoch, first and total of a channel that the log knows nothing of. The epoch is larger the later that is:
-- there may have been one that is forgotten by now, and nobody is to take its positions for good. Where its stream is still there, it
-- goes on.
local function start(log, stream, now)
  local serial, epoch = base(log), 1 + math.max(0, math.floor(now / 1000) - struct.unpack('>I4', log))
  local list = redis.pcall('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  if list.err or not list[1] then return serial, epoch, serial + 1, 0 end
  local id, msg, total = tonumber(string.match(list[1][1], '^%d+')), list[1][2][2], 0
  if id > serial and id < NEVER then serial = id end
  if #msg >= 38 then
    local old, _, _, before = struct.unpack('>I4I8I8I8', msg, 11)
    epoch, total = math.max(epoch, old), before + #msg - 38
  end
  return serial, epoch, head(stream, base(log) + 1, serial), total
end

-- meta cuts a META, or returns nothing when it is none.
local function meta(m)
  if m and #m == SIZE then return struct.unpack(META, m) end
end
