package model

import (
	"fmt"
	"math"
	"strings"
)

// A Block is lines of one file.
type Block struct {
	Title string   `json:"title"`
	Lines []string `json:"lines"`
}

// proxyPorts is how many connections a proxy can have from one address to another, with the range of ports below.
const proxyPorts = 55000

// addresses is how many the proxy's connections are spread over.
func addresses(d Demand) int { return max(1, (d.Viewers+proxyPorts-1)/proxyPorts) }

// settings is what the machine, the server and a proxy in front of it have to allow.
func settings(a *Answer) []Block {
	d := a.Demand
	files := roundUp(float64(d.Viewers)*1.2 + otherFiles + 1000)
	proxied := roundUp(2*float64(d.Viewers)*1.2 + 2000)
	workers := a.Machine.Cores
	blocks := []Block{
		{"/etc/sysctl.d/resound.conf", []string{
			fmt.Sprintf("fs.nr_open = %d", max(1<<20, files, proxied)),
			fmt.Sprintf("fs.file-max = %d", max(1<<20, 2*(files+proxied))),
			"net.core.somaxconn = 65535",
			"net.ipv4.tcp_max_syn_backlog = 65535",
			"net.ipv4.tcp_wmem = 4096 16384 1048576",
			"net.ipv4.tcp_rmem = 4096 16384 1048576",
			"# where a proxy is on this machine:",
			"net.ipv4.ip_local_port_range = 10240 65535",
			"# where connections are tracked, as by a stateful firewall:",
			fmt.Sprintf("net.netfilter.nf_conntrack_max = %d", max(262144, proxied)),
		}},
		{"systemd: systemctl edit resound", []string{"[Service]", fmt.Sprintf("LimitNOFILE=%d", files)}},
		{"or in the shell that starts it", []string{fmt.Sprintf("ulimit -n %d", files)}},
		{"resound", []string{flags(d, a.Machine)}},
		{"/etc/nginx/nginx.conf, if nginx is in front", []string{
			fmt.Sprintf("worker_processes %d;", workers),
			fmt.Sprintf("worker_rlimit_nofile %d;", roundUp(float64(proxied)/float64(workers)*1.3)),
			fmt.Sprintf("events { worker_connections %d; }", roundUp(float64(proxied)/float64(workers)*1.3)),
		}},
	}
	upstream := []string{"upstream resound {"}
	for i := range addresses(d) {
		upstream = append(upstream, fmt.Sprintf("    server 127.0.0.%d:8080;", i+1))
	}
	upstream = append(upstream, fmt.Sprintf("    keepalive %d;", keepAlive(d)), "}")
	blocks = append(blocks, Block{"nginx: the upstream (the rest is in deploy/nginx.conf)", upstream}, Block{"nginx: in location /app/", []string{
		fmt.Sprintf("proxy_read_timeout %.0fs;    # longer than a ping and the wait for its answer", math.Ceil(d.Ping.seconds()+pongPatience)+30),
		"proxy_buffering off;", "tcp_nodelay on;"}})
	return blocks
}

// keepAlive is connections for publishes that are kept: as many as are busy in a busy moment.
func keepAlive(d Demand) int { return min(max(16, int(d.publishes()/20)), 512) }

// flags of the server that differ from its defaults.
func flags(d Demand, k Machine) string {
	list := []string{"resound start", fmt.Sprintf("--loops=%d", k.Cores)}
	standard := DefaultDemand()
	if d.Ping != standard.Ping {
		list = append(list, fmt.Sprintf("--ping-interval=%.0f", d.Ping.seconds()))
	}
	if d.Backlog != standard.Backlog {
		list = append(list, fmt.Sprintf("--backlog=%d", d.Backlog))
	}
	if !d.Kept {
		return strings.Join(append(list, "--durability=off"), " ")
	}
	if d.History != standard.History {
		list = append(list, fmt.Sprintf("--history-messages=%d", d.History))
	}
	if d.Age != standard.Age {
		list = append(list, fmt.Sprintf("--history-age=%.0f", d.Age.seconds()))
	}
	if bytes := float64(d.History) * d.frame(); bytes > 1<<20 {
		list = append(list, fmt.Sprintf("--history-bytes=%d", roundUp(bytes)))
	}
	return strings.Join(list, " ")
}

// roundUp rounds up to two digits, so that a line looks like one that somebody chose.
func roundUp(v float64) int {
	step := math.Pow(10, math.Max(math.Floor(math.Log10(math.Max(v, 1)))-1, 0))
	return int(math.Ceil(v/step) * step)
}
