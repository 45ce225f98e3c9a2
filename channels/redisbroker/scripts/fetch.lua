-- Reads events: the oldest serial that is kept, then id and message of each. 0: another log has begun.
-- KEYS log, meta, stream; ARGV log, after, up to, at most this many, at most about this many bytes
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local serial, _, first = load(KEYS[2])
if not serial then
  serial, _, first = start(ARGV[1], KEYS[3], millis())
end
first = head(KEYS[3], first, serial)
local out, size, from = {num(first)}, 0, math.max(first, ARGV[2] + 1)
local upto, room = math.min(tonumber(ARGV[3]), serial), tonumber(ARGV[4])
while from <= upto and room > 0 and size < tonumber(ARGV[5]) do
  local list = redis.pcall('XRANGE', KEYS[3], num(from) .. '-0', num(upto) .. '-0', 'COUNT', math.min(room, 16))
  if list.err or #list == 0 then break end
  for _, e in ipairs(list) do
    if size >= tonumber(ARGV[5]) then break end
    out[#out + 1] = e[1]
    out[#out + 1] = e[2][2]
    size = size + #e[2][2]
    from = tonumber(string.match(e[1], '^%d+')) + 1
  end
  room = room - #list
end
return out
