package redistest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// launchAll starts n servers side by side.
func launchAll(tb TB, n int, cfg func(i int) config) ([]*Server, error) {
	servers := make([]*Server, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { servers[i], errs[i] = launch(tb, cfg(i)) })
	}
	all.Wait()
	return servers, errors.Join(errs...)
}

// running gives the servers whose processes are there.
func running(servers []*Server) []*Server {
	return slices.DeleteFunc(slices.Clone(servers), func(s *Server) bool { return !s.Running() })
}

// others gives the servers without one of them.
func others(servers []*Server, s *Server) []*Server {
	return slices.DeleteFunc(slices.Clone(servers), func(o *Server) bool { return o == s })
}

// addrs gives the servers' addresses.
func addrs(servers []*Server) []string {
	var all []string
	for _, s := range servers {
		all = append(all, s.Addr())
	}
	return all
}

// withAddr finds a server by its address.
func withAddr(servers []*Server, addr string) (*Server, error) {
	i := slices.IndexFunc(servers, func(s *Server) bool { return s.Addr() == addr })
	if i < 0 {
		return nil, fmt.Errorf("no server has the address %s", addr)
	}
	return servers[i], nil
}

// replicates gives nil when s has a whole copy of a master and its link stands.
// Killing a master earlier than that leaves nobody who may take its place.
func (s *Server) replicates() error {
	status, err := s.Info("replication", "master_link_status")
	if err != nil {
		return err
	}
	if status != "up" {
		return fmt.Errorf("the replica at %s has master_link_status:%s", s.Addr(), status)
	}
	return nil
}
