package verify

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// holders says whose the secrets are, and which may be held besides the own key to the bus.
var holders = map[string][]string{
	"nats": {"key-nats"}, "collector": {"key-collector"}, "executor": {"key-executor"}, "gateway": {"gateway-keys", "key-gateway"},
	"streams": {"key-admin"}, "auditor": {"key-admin"},
}

// checkKeys checks that each holds its own key to the bus and no other, where it looks for it, and that the job which makes them
// may do no more than that.
func (r rendered) checkKeys(t *testing.T) {
	t.Helper()
	made := map[string]bool{}
	for _, o := range r.all {
		role, ok := o.(*rbacv1.Role)
		if !ok {
			continue
		}
		for _, rule := range role.Rules {
			for _, name := range rule.ResourceNames {
				made[name] = true
			}
			named := len(rule.ResourceNames) > 0 || slices.Equal(rule.Verbs, []string{"create"})
			if !slices.Equal(rule.Resources, []string{"secrets"}) || !named || slices.Contains(rule.Verbs, "*") {
				t.Errorf("role %s may do more than keep the keys: %v", role.Name, rule)
			}
		}
	}
	for _, w := range r.workloads {
		held := secretsOf(&w.pod.Spec)
		if !slices.Equal(held, holders[w.name]) {
			t.Errorf("%s holds %v, not %v", w.name, held, holders[w.name])
		}
		for _, name := range held {
			if !made[name] && name != "gateway-keys" { // which an operator makes
				t.Errorf("%s waits for the secret %s, which nobody makes", w.name, name)
			}
		}
		if slices.ContainsFunc(held, func(name string) bool { return strings.HasPrefix(name, "key-") }) && w.name != "nats" {
			r.checkSeed(t, &w)
		}
	}
}

// secretsOf returns the secrets that a pod is given as files, sorted.
func secretsOf(spec *corev1.PodSpec) (held []string) {
	for _, v := range spec.Volumes {
		if v.Secret != nil {
			held = append(held, v.Secret.SecretName)
		}
		if v.Projected != nil {
			for _, s := range v.Projected.Sources {
				if s.Secret != nil {
					held = append(held, s.Secret.Name)
				}
			}
		}
	}
	slices.Sort(held)
	return held
}

// checkSeed checks that a pod's key lies where its settings say.
func (r rendered) checkSeed(t *testing.T, w *workload) {
	t.Helper()
	volume := ""
	for _, v := range w.pod.Spec.Volumes {
		if v.Secret != nil && strings.HasPrefix(v.Secret.SecretName, "key-") {
			volume = v.Name
		}
	}
	c := &w.pod.Spec.Containers[0]
	if len(c.EnvFrom) != 1 {
		t.Fatalf("%s has no settings", w.name)
	}
	seed := r.settings[c.EnvFrom[0].ConfigMapRef.Name].Data["HOURGLASS_NATS_SEED_FILE"]
	if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
		return m.Name == volume && m.ReadOnly && seed == m.MountPath+"/nats.nk"
	}) {
		t.Errorf("%s looks for its key at %q, where it is not: %v", w.name, seed, c.VolumeMounts)
	}
}
