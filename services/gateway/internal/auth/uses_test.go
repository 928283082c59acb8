package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// lastUsed is when the bucket says that a key was last used.
func lastUsed(t *testing.T, s *Service, id string) time.Time {
	t.Helper()
	keys, err := s.APIKeys(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.ID == id {
			return k.LastUsedAt
		}
	}
	t.Fatalf("key %s is not there: %v", id, keys)
	return time.Time{}
}

func TestUsesAreWrittenOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, other := newService(t), newService(t)
		other.apiKeys = s.apiKeys // a second gateway
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		for _, gateway := range []*Service{s, other} {
			go func() { _ = gateway.NoteUses(ctx) }()
		}
		key, text, err := s.CreateAPIKey(ctx, "alice", NewAPIKey{Name: "bot", Scopes: []Scope{Read}})
		if err != nil {
			t.Fatal(err)
		}
		if at := lastUsed(t, s, key.ID); !at.IsZero() {
			t.Errorf("a new key was used at %s", at)
		}
		start, before := time.Now(), s.apiKeys.(*bucket).last
		for range 600 { // a minute of ten requests a second, to each of two gateways
			for _, gateway := range []*Service{s, other} {
				if _, err := gateway.Verify(ctx, text, nowhere); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if at := lastUsed(t, s, key.ID); !at.Equal(start) {
			t.Errorf("used at %s, want %s", at, start)
		}
		if n := s.apiKeys.(*bucket).last - before; n != 1 {
			t.Errorf("%d writes within a minute", n)
		}
		if _, err := s.Verify(ctx, text, nowhere); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if at := lastUsed(t, s, key.ID); !at.Equal(start.Add(time.Minute)) {
			t.Errorf("after a minute: used at %s", at)
		}
	})
}

func TestAUseBringsNoDeletedKeyBack(t *testing.T) {
	s, ctx := newService(t), t.Context()
	key, _, err := s.CreateAPIKey(ctx, "alice", NewAPIKey{Name: "bot", Scopes: []Scope{Read}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteAPIKey(ctx, "alice", key.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.note(ctx, use{"alice." + key.ID, time.Now()}); err != nil {
		t.Errorf("the use of a deleted key: %v", err)
	}
	if keys, err := s.APIKeys(ctx, "alice"); err != nil || len(keys) > 0 {
		t.Errorf("it is back: %v %v", keys, err)
	}
}

func TestNoRequestWaitsForAUseToBeWritten(t *testing.T) {
	s, ctx := newService(t), t.Context() // nobody writes
	for range maxUses + 10 {
		s.used("alice.x", time.Now())
	}
	_, text, err := s.CreateAPIKey(ctx, "alice", NewAPIKey{Name: "bot", Scopes: []Scope{Read}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(ctx, text, nowhere); err != nil {
		t.Error(err)
	}
}

func TestAStoredKeyOfBeforeIsStillTaken(t *testing.T) {
	s, ctx := newService(t), t.Context()
	secret, hash := newSecret()
	id := newID()
	old := `{"id":"` + id + `","name":"bot","scopes":["read"],"created_at":"2026-01-02T03:04:05Z","hash":"` + hash + `"}`
	if _, err := s.apiKeys.Create(ctx, "alice."+id, []byte(old)); err != nil {
		t.Fatal(err)
	}
	if who, err := s.Verify(ctx, "hgk_alice."+id+"."+secret, nowhere); err != nil || who.Account != "alice" {
		t.Errorf("%+v, %v", who, err)
	}
	if at := lastUsed(t, s, id); !at.IsZero() {
		t.Errorf("used at %s", at)
	}
}

// TestWhatAKeyMakesIsGoodWhereTheKeyIs holds tickets and tokens for NATS to the networks of their key.
func TestWhatAKeyMakesIsGoodWhereTheKeyIs(t *testing.T) {
	s, ctx := newService(t), t.Context()
	inside, outside := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.114.9")
	_, text, err := s.CreateAPIKey(ctx, "alice", NewAPIKey{Name: "bot", Scopes: []Scope{Read}, Networks: Networks{netip.MustParsePrefix("203.0.113.0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(ctx, text, outside); !errors.Is(err, ErrAddress) {
		t.Errorf("the key outside: %v", err)
	}
	if _, err := s.Verify(ctx, text, nowhere); !errors.Is(err, ErrAddress) {
		t.Errorf("the key from an unknown address: %v", err)
	}
	id, err := s.Verify(ctx, text, inside)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := s.NewNATSToken(id)
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[netip.Addr]error{inside: nil, outside: ErrAddress, nowhere: ErrAddress} {
		if _, err := s.VerifyNATS(token, from); !errors.Is(err, want) {
			t.Errorf("the token for NATS from %s: %v", from, err)
		}
		ticket, _, err := s.NewTicket(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Redeem(ctx, ticket, from); !errors.Is(err, want) {
			t.Errorf("a ticket from %s: %v", from, err)
		}
	}
	stored, err := json.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	var back Identity
	if err := json.Unmarshal(stored, &back); err != nil || back.Networks.Allow(outside) {
		t.Errorf("the networks are lost on the way: %s, %v", stored, err)
	}
}
