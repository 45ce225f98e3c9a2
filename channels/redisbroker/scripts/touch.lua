-- Renews what would be forgotten of channels that somebody hears.
-- KEYS what; ARGV TTL in ms
for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left >= 0 and left < tonumber(ARGV[1]) then redis.call('PEXPIRE', key, ARGV[1]) end
end
return 1
