-- Reads events: the oldest serial that is kept, then id and message of each. 0: another log has begun.
-- KEYS log, stream; ARGV log, name, after, up to, at most this many, at most about this many bytes
local known = redis.call('HMGET', KEYS[1], 'id', 'm:' .. ARGV[2])
if known[1] ~= ARGV[1] then return 0 end
local stream = KEYS[2]
local serial, _, first = meta(known[2])
if not serial then
  serial, _, first = start(ARGV[1], stream, millis())
end
first = head(stream, first, serial)
local out, size, from = {num(first)}, 0, math.max(first, ARGV[3] + 1)
local upto, room, most = math.min(tonumber(ARGV[4]), serial), tonumber(ARGV[5]), tonumber(ARGV[6])
while from <= upto and room > 0 and size < most do
  local list = redis.pcall('XRANGE', stream, num(from) .. '-0', num(upto) .. '-0', 'COUNT', math.min(room, 16))
  if list.err or #list == 0 then break end
  for _, e in ipairs(list) do
    if size >= most then break end
    out[#out + 1] = e[1]
    out[#out + 1] = e[2][2]
    size = size + #e[2][2]
    from = tonumber(string.match(e[1], '^%d+')) + 1
  end
  room = room - #list
end
return out
