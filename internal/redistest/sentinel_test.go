package redistest

import (
	"testing"

	"github.com/redis/rueidis"
)

func TestSentinelReplacesItsMaster(t *testing.T) {
	t.Parallel()
	g := StartSentinel(t, WithTLS(), WithUser("deja", "secret"))
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:  g.Addrs(),
		Sentinel:     rueidis.SentinelOption{MasterSet: g.MasterName(), Username: "deja", Password: "secret", TLSConfig: g.Sentinels[0].TLS()},
		Username:     "deja",
		Password:     "secret",
		TLSConfig:    g.Nodes[0].TLS(),
		DisableCache: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Do(t.Context(), client.B().Set().Key("k").Value("v").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Do(t.Context(), client.B().Wait().Numreplicas(2).Timeout(10000).Build()).AsInt64(); err != nil || n != 2 {
		t.Fatalf("WAIT = %d, %v", n, err)
	}

	first := g.Master()
	killed := g.KillMaster()
	if killed != first || killed.Running() {
		t.Error("KillMaster did not kill the master")
	}
	second := g.Master()
	if second == first {
		t.Fatal("the killed master is still master")
	}
	if got := get(t, second, "k"); got != "v" {
		t.Errorf("on the new master GET k = %q, want v", got)
	}
	if err := waitUntil(func() error {
		return client.Do(t.Context(), client.B().Set().Key("k").Value("w").Build()).Error()
	}); err != nil {
		t.Errorf("the client does not find the new master: %v", err)
	}

	killed.Restart()
	g.WaitReady()
	if role, err := killed.Info("replication", "role"); err != nil || role != "slave" {
		t.Errorf("the killed master came back as %q, %v", role, err)
	}
	if old := g.FailMaster(); old != second || !old.Running() || g.Master() == second {
		t.Error("FailMaster did not replace a living master")
	}
}
