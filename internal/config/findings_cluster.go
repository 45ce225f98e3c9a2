package config

// cluster looks at what servers have in common. Whether Redis is there is for `resound doctor` to find out.
func (i *inspection) cluster() {
	c := i.c
	if !c.Scaling {
		for _, name := range []string{"redis-sentinels", "redis-cluster", "redis-prefix", "redis-tls"} {
			if o := i.origin[name]; o.place != "" {
				i.add(Warning, "set REVERB_SCALING_ENABLED=true, or remove it", "%s has no effect: scaling is off", o)
			}
		}
		return
	}
	if c.RedisPrefix == "" { // an error says why
		return
	}
	i.ok("the servers of a cluster meet at %s, with the prefix %s", c.redis, c.RedisPrefix)
	if _, err := c.RedisTLSConfig(); err != nil {
		i.add(Error, "", "%v", err)
	}
	if len(c.served) == 0 {
		i.add(Warning, "configure an application", "scaling is on without an application: each server makes up its own, which the others do not know")
	}
	if o := i.origin["durability"]; o.place != "" {
		i.add(Warning, "remove it", "%s has no effect: with scaling, events are kept in Redis, and its persistence decides what they survive", o)
	}
}
