-- Forgets some of what may be forgotten, a part of the log with each call: the fields of a hash do not expire by themselves.
-- KEYS log; ARGV how many fields to look at, pause in ms between two rounds
local now = millis()
local state = redis.call('HMGET', KEYS[1], 'id', 'cursor', 'swept')
if not state[1] then return 0 end
local cursor = state[2] or '0'
if cursor == '0' and state[3] and now - (tonumber(state[3]) or 0) < tonumber(ARGV[2]) then return 0 end
local page = redis.pcall('HSCAN', KEYS[1], cursor, 'COUNT', ARGV[1])
if page.err then page = {'0', {}} end
local forgotten = 0
for i = 1, #page[2], 2 do
  local field, value, expires = page[2][i], page[2][i + 1], nil
  local kind = string.sub(field, 1, 2)
  if kind == 'm:' then
    expires = #value == SIZE and struct.unpack('>I8', value, SIZE - 7) or 0
  elseif kind == 'v:' then
    expires = #value == 16 and struct.unpack('>I8', value, 9) or 0
  end
  if expires and expires < now then
    redis.call('HDEL', KEYS[1], field)
    forgotten = forgotten + 1
  end
end
redis.call('HSET', KEYS[1], 'cursor', page[1], 'swept', num(now))
return forgotten
