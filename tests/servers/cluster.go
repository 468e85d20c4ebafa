package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Cluster is a Redis Cluster of three masters with a replica each.
type Cluster struct{ Nodes []*Redis }

// slots is the number of slots of a Cluster.
const slots = 16384

// StartCluster starts six nodes and waits until all slots are served.
func StartCluster(ctx context.Context, dir string) (*Cluster, error) {
	return StartClusterTLS(ctx, dir, nil)
}

// StartClusterTLS starts six nodes that use only TLS, each with its own address and
// certificate. If the authority is nil, they do not use TLS.
func StartClusterTLS(ctx context.Context, dir string, ca *Authority) (c *Cluster, err error) {
	c = &Cluster{}
	defer func() {
		if err != nil {
			c.Remove()
		}
	}()
	const masters = 3
	first := 0 // the port on which the first node talks to the others
	for i := range 2 * masters {
		sub := filepath.Join(dir, strconv.Itoa(i))
		if err := os.Mkdir(sub, 0o700); err != nil {
			return c, err
		}
		bus, err := FreePort()
		if err != nil {
			return c, err
		}
		if i == 0 {
			first = bus
		}
		node, err := startRedisOf(ctx, ca, i, sub, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
			"--cluster-port", strconv.Itoa(bus), "--repl-diskless-sync-delay", "0")
		if err != nil {
			return c, err
		}
		c.Nodes = append(c.Nodes, node)
		client := node.client()
		if i < masters {
			err = client.ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err()
		}
		if err == nil && i > 0 {
			err = client.Do(ctx, "CLUSTER", "MEET", c.Nodes[0].host, c.Nodes[0].Port, first).Err()
		}
		_ = client.Close()
		if err != nil {
			return c, err
		}
	}
	for i := range masters {
		if err := c.replicate(ctx, masters+i, i); err != nil {
			return c, err
		}
	}
	return c, c.await(ctx)
}

// replicate makes one node a replica of another, once it knows the other.
func (c *Cluster) replicate(ctx context.Context, replica, master int) error {
	of := c.Nodes[master].client()
	defer func() { _ = of.Close() }()
	id, err := of.ClusterMyID(ctx).Result()
	if err != nil {
		return err
	}
	client := c.Nodes[replica].client()
	defer func() { _ = client.Close() }()
	return await(ctx, fmt.Sprintf("node %d does not replicate", replica), func(ctx context.Context) error {
		return client.ClusterReplicate(ctx, id).Err()
	})
}

// await waits until each node reports a healthy Cluster and each replica has its
// master's data. Without the data a replica would not become the master.
func (c *Cluster) await(ctx context.Context) error {
	return await(ctx, "the Cluster does not come up", func(ctx context.Context) error {
		for _, node := range c.Nodes {
			client := node.client()
			cluster, _ := client.ClusterInfo(ctx).Result()
			replication, _ := client.Info(ctx, "replication").Result()
			_ = client.Close()
			if !strings.Contains(cluster, "cluster_state:ok") {
				return fmt.Errorf("to %s it is not sound", node.Addr())
			}
			if !strings.Contains(replication, "connected_slaves:1") && !strings.Contains(replication, "master_link_status:up") {
				return fmt.Errorf("%s has neither a replica nor its master's data", node.Addr())
			}
		}
		return nil
	})
}

// MasterOf returns the node that serves a key.
func (c *Cluster) MasterOf(ctx context.Context, key string) (*Redis, error) {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Nodes[0].Addr()}, TLSConfig: c.Nodes[0].tls})
	defer func() { _ = client.Close() }()
	node, err := client.MasterForKey(ctx, key)
	if err != nil {
		return nil, err
	}
	for _, n := range c.Nodes {
		if n.Addr() == node.Options().Addr {
			return n, nil
		}
	}
	return nil, fmt.Errorf("no node at %s", node.Options().Addr)
}

// Remove stops all nodes.
func (c *Cluster) Remove() {
	for _, node := range c.Nodes {
		_ = node.Remove()
	}
}
