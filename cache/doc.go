// Package cache is a cache of two levels, memory and Redis, that can be
// trusted: what was invalidated is not served again, on any node.
package cache
