-- Gives a lease back.
-- KEYS leases; ARGV node, command to publish with, topic, message
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call(ARGV[2], ARGV[3], ARGV[4])
return 1
