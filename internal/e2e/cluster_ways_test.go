package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"resound/internal/certtest"
	"resound/internal/redistest"
)

// waysToRedis: each way to say where Redis is and who one is.
func waysToRedis(t *testing.T) {
	dir := t.TempDir()
	authority := certtest.New(t)
	cert, key := authority.Pair("127.0.0.1")
	certFile, keyFile := authority.Write(dir, "redis", cert, key)
	caFile, _ := authority.Write(dir, "ca", authority.PEM(), nil)
	tlsPort, socket := redistest.FreePort(), filepath.Join(dir, "redis.sock")
	redis := redistest.Start(t, redistest.Options{Password: "all of us", Lines: []string{
		"unixsocket " + socket, "user shop on >its:own@word ~ways* &ways* +@all",
		"tls-port " + tlsPort, "tls-cert-file " + certFile, "tls-key-file " + keyFile, "tls-ca-cert-file " + caFile, "tls-auth-clients no",
	}})
	for i, test := range []struct {
		name string
		env  []string
	}{
		{"password", []string{"REDIS_PASSWORD=all of us"}},
		{"user", []string{"REDIS_USERNAME=shop", "REDIS_PASSWORD=its:own@word"}},
		{"URL", []string{"REDIS_URL=redis://shop:its%3Aown%40word@" + redis.Addr(), "REDIS_HOST=192.0.2.1", "REDIS_PASSWORD=another"}},
		{"database", []string{"REDIS_PASSWORD=all of us", "REDIS_DB=3"}},
		{"socket", []string{"REDIS_PASSWORD=all of us", "REDIS_HOST=" + socket}},
		{"TLS", []string{"REDIS_PASSWORD=all of us", "REDIS_PORT=" + tlsPort, "RESOUND_REDIS_TLS=true", "RESOUND_REDIS_CA=" + caFile}},
		{"URL with TLS", []string{"REDIS_URL=rediss://:all%20of%20us@127.0.0.1:" + tlsPort + "/2", "RESOUND_REDIS_CA=" + caFile}},
	} {
		t.Run(test.name, func(t *testing.T) {
			nodes := on(2, redis, fmt.Sprint("ways", i))
			for i := range nodes {
				nodes[i] = append(nodes[i], test.env...)
			}
			c := startCluster(t, nodes...)
			ann := join(t, c.node(0), "ann")
			c.sees([]*listener{ann}, "ann")
			c.counts("/connections", `{"connections":1}`)
			for i, s := range c.all() {
				if text := s.log.String(); strings.Contains(text, "its:own") || strings.Contains(text, "all of us") || strings.Contains(text, "its%3Aown") {
					t.Errorf("node %d has written a password of Redis into its log:\n%s", i, text)
				}
			}
		})
	}
}

// databases: the number of a database tells clusters apart, although pub/sub of Redis does not know it.
func databases(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	clusters := make([]*cluster, 2)
	for db := range clusters {
		nodes := on(2, redis, "databases")
		for i := range nodes {
			nodes[i] = append(nodes[i], fmt.Sprint("REDIS_DB=", db))
		}
		clusters[db] = startCluster(t, nodes...)
	}
	doNotMix(t, clusters[0], clusters[1])
}
