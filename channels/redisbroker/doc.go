// Package redisbroker joins nodes.
package redisbroker
