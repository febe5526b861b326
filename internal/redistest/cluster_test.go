package redistest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"
)

func TestClusterReplacesItsMasters(t *testing.T) {
	t.Parallel()
	c := StartCluster(t, WithPassword("secret"), WithTLS())
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:  c.Addrs(),
		Password:     "secret",
		TLSConfig:    c.Nodes[0].TLS(),
		DisableCache: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	set := func(key, value string) error {
		return client.Do(t.Context(), client.B().Set().Key(key).Value(value).Build()).Error()
	}
	masters := make(map[*Server]bool)
	for _, key := range []string{"a", "b", "c"} { // a slot of each master
		if err := set(key, "v"); err != nil {
			t.Fatal(err)
		}
		masters[c.MasterOf(key)] = true
	}
	if len(masters) != 3 {
		t.Errorf("3 keys are on %d masters", len(masters))
	}

	first := c.MasterOf("a")
	if killed := c.KillMaster("a"); killed != first || killed.Running() {
		t.Error("KillMaster did not kill the key's master")
	}
	if now := c.MasterOf("a"); now == first || !now.Running() {
		t.Fatal("the killed master has not been replaced")
	}
	if err := waitUntil(func() error { return set("a", "w") }); err != nil {
		t.Errorf("the client does not find the new master: %v", err)
	}

	first.Restart()
	c.WaitReady()
	if role, err := first.Info("replication", "role"); err != nil || role != "slave" {
		t.Errorf("the killed master came back as %q, %v", role, err)
	}
	if old := c.FailMaster("a"); !old.Running() || c.MasterOf("a") != first {
		t.Error("FailMaster did not replace a living master by its replica")
	}
}

func TestParseClusterNodes(t *testing.T) {
	t.Parallel()
	got, err := parseClusterNodes(
		"bb 127.0.0.1:7002@17002 slave aa 0 1 1 connected\n" +
			"cc 127.0.0.1:7003@17003 master,fail - 0 1 1 disconnected 9000-9001\n" +
			"aa 127.0.0.1:7001@17001,host myself,master - 0 1 1 connected 0-99 200\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []clusterNode{
		{addr: "127.0.0.1:7001", id: "aa", slots: "0-99 200"},
		{addr: "127.0.0.1:7002", id: "bb", master: "aa"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(clusterNode{})); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	for slot, serves := range map[int64]bool{0: true, 99: true, 100: false, 200: true, 201: false} {
		if want[0].serves(slot) != serves {
			t.Errorf("serves(%d) = %v", slot, !serves)
		}
	}
	if _, err := parseClusterNodes("garbage\n"); err == nil {
		t.Error("garbage is read as a node")
	}
}
