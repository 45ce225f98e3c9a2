-- Removes the records of a node that is gone. Nobody is told: all know that it is gone.
-- KEYS records, records of the node; ARGV node
redis.call('HDEL', KEYS[1], ARGV[1])
return redis.call('DEL', KEYS[2])
