// Drives a Toxiproxy server through its own Go client and tells, line by line, what came back.
//
// usage: conformance API_URL UPSTREAM_ADDRESS (the upstream echoes). Two servers that are alike
// give the same lines but for the ports that they chose.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

const patience = 3 * time.Second

func main() {
	server := toxiproxy.NewClient(os.Args[1])
	echo := os.Args[2]
	version, err := server.Version()
	tell("version", len(version) > 0, err)
	proxies(server, echo)
	everyToxic(server)
	mistakes(server)
	traffic(server)
	tell("reset", nil, server.ResetState())
	list(server)
	proxy, err := server.Proxy("db")
	tell("proxy", proxy, err)
	tell("delete", nil, proxy.Delete())
	tell("delete again", nil, proxy.Delete())
}

// tell prints a step, and its value as JSON or the client's error in the client's words.
func tell(step string, value any, err error) {
	if err != nil {
		fmt.Printf("%s\terror %T: %v\n", step, err, err)
		return
	}
	text, _ := json.Marshal(value)
	fmt.Printf("%s\t%s\n", step, text)
}

func list(server *toxiproxy.Client) {
	all, err := server.Proxies()
	names := []string{}
	for name, proxy := range all {
		names = append(names, fmt.Sprintf("%s %v %d", name, proxy.Enabled, len(proxy.ActiveToxics)))
	}
	sort.Strings(names)
	tell("list", names, err)
}

func proxies(server *toxiproxy.Client, echo string) {
	list(server)
	db, err := server.CreateProxy("db", "127.0.0.1:0", echo)
	tell("create", db, err)
	_, err = server.CreateProxy("db", "127.0.0.1:0", echo)
	tell("create again", nil, err)
	_, err = server.CreateProxy("", "", "")
	tell("create nothing", nil, err)
	_, err = server.CreateProxy("bad", "nonsense", echo)
	tell("create nowhere", nil, err)
	_, err = server.CreateProxy("my db", "127.0.0.1:0", echo)
	tell("create with a space", nil, err)
	_, err = server.Proxy("my db")
	tell("proxy with a space", nil, err)
	made, err := server.Populate([]toxiproxy.Proxy{
		{Name: "one", Listen: "127.0.0.1:0", Upstream: echo, Enabled: true},
		{Name: "two", Listen: "127.0.0.1:0", Upstream: echo},
	})
	tell("populate", made, err)
	_, err = server.Populate([]toxiproxy.Proxy{{Name: "three"}})
	tell("populate badly", nil, err)
	two, err := server.Proxy("two")
	tell("proxy", two, err)
	tell("enable", nil, two.Enable())
	two.Upstream = "127.0.0.1:1"
	tell("save", nil, two.Save())
	tell("saved", two, nil)
	tell("disable", nil, two.Disable())
	tell("delete", nil, two.Delete())
	list(server)
}

func everyToxic(server *toxiproxy.Client) {
	kinds := []toxiproxy.Toxic{
		{Type: "latency", Attributes: toxiproxy.Attributes{"latency": 5, "jitter": 1}},
		{Type: "bandwidth", Attributes: toxiproxy.Attributes{"rate": 1000}},
		{Type: "slow_close", Attributes: toxiproxy.Attributes{"delay": 5}},
		{Type: "timeout", Attributes: toxiproxy.Attributes{"timeout": 5}},
		{Type: "reset_peer", Attributes: toxiproxy.Attributes{"timeout": 5}},
		{Type: "slicer", Attributes: toxiproxy.Attributes{"average_size": 9, "size_variation": 2, "delay": 1}},
		{Type: "limit_data", Attributes: toxiproxy.Attributes{"bytes": 5}},
		{Type: "noop", Attributes: nil},
	}
	one, err := server.Proxy("one")
	tell("proxy", one, err)
	for _, stream := range []string{"upstream", "downstream", ""} {
		for _, kind := range kinds {
			toxic, err := one.AddToxic("", kind.Type, stream, 0.5, kind.Attributes)
			tell("add "+kind.Type, toxic, err)
			if err != nil {
				continue
			}
			toxic, err = one.UpdateToxic(toxic.Name, 1, kind.Attributes)
			tell("update", toxic, err)
			all, err := one.Toxics()
			tell("toxics", all, err)
			if stream == "upstream" {
				tell("remove", nil, one.RemoveToxic(toxic.Name))
			}
		}
	}
	toxic, err := server.AddToxic(&toxiproxy.ToxicOptions{
		ProxyName: "one", ToxicName: "slow", ToxicType: "latency", Stream: "upstream", Toxicity: -1,
	})
	tell("add by options", toxic, err)
	toxic, err = server.UpdateToxic(&toxiproxy.ToxicOptions{
		ProxyName: "one", ToxicName: "slow", Toxicity: 0.25,
		Attributes: toxiproxy.Attributes{"latency": 7.0},
	})
	tell("update by options", toxic, err)
	tell("remove by options", nil, server.RemoveToxic(
		&toxiproxy.ToxicOptions{ProxyName: "one", ToxicName: "slow"}))
}

func mistakes(server *toxiproxy.Client) {
	_, err := server.Proxy("nobody")
	tell("unknown proxy", nil, err)
	one, err := server.Proxy("one")
	tell("proxy", one != nil, err)
	_, err = one.AddToxic("n", "nonsense", "upstream", 1, nil)
	tell("unknown type", nil, err)
	_, err = one.AddToxic("n", "latency", "sideways", 1, nil)
	tell("unknown stream", nil, err)
	_, err = one.AddToxic("noop_downstream", "latency", "upstream", 1, nil)
	tell("taken name", nil, err)
	_, err = one.UpdateToxic("nobody", 1, nil)
	tell("update of none", nil, err)
	tell("removal of none", nil, one.RemoveToxic("nobody"))
}

// exchange sends through the proxy and tells what the echo gave back and how it ended.
func exchange(step, listen string, size int, least time.Duration) {
	// Before the dial: a toxic's time may run from the moment when the connection is there.
	started := time.Now()
	conn, err := net.DialTimeout("tcp", listen, patience)
	if err != nil {
		fmt.Printf("%s\tnot connected\n", step)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write(make([]byte, size))
	got, err := io.ReadFull(conn, make([]byte, size))
	fmt.Printf("%s\t%d bytes back, whole %v, not before its time %v\n",
		step, got, err == nil, time.Since(started) >= least)
}

func traffic(server *toxiproxy.Client) {
	db, err := server.Proxy("db")
	tell("proxy", db, err)
	exchange("free", db.Listen, 40_000, 0)
	with := func(kind, stream string, size int, least time.Duration, attributes toxiproxy.Attributes) {
		toxic, err := db.AddToxic("", kind, stream, 1, attributes)
		tell("add", toxic, err)
		exchange(kind+" "+stream, db.Listen, size, least)
		tell("remove", nil, db.RemoveToxic(toxic.Name))
		exchange("healed", db.Listen, 1000, 0)
	}
	ms := time.Millisecond
	// Of bytes that reached the echo before its end was closed, some or none come back: it is a race.
	limit := map[string]int{"upstream": 0, "downstream": 10}
	for _, stream := range []string{"upstream", "downstream"} {
		with("latency", stream, 10, 60*ms, toxiproxy.Attributes{"latency": 60})
		with("bandwidth", stream, 10_000, 80*ms, toxiproxy.Attributes{"rate": 100})
		with("timeout", stream, 10, 50*ms, toxiproxy.Attributes{"timeout": 50})
		with("reset_peer", stream, 10, 30*ms, toxiproxy.Attributes{"timeout": 40})
		with("limit_data", stream, 100, 0, toxiproxy.Attributes{"bytes": limit[stream]})
		with("slicer", stream, 1000, 0, toxiproxy.Attributes{"average_size": 100, "size_variation": 10})
	}
	tell("disable", nil, db.Disable())
	exchange("disabled", db.Listen, 10, 0)
	tell("enable", nil, db.Enable())
	exchange("enabled", db.Listen, 10, 0)
}
