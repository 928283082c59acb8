package verify

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// workload is a Deployment, a StatefulSet or a Job.
type workload struct {
	name     string
	replicas *int32
	selector *metav1.LabelSelector // nil: a job, which ends
	pod      corev1.PodTemplateSpec
}

// rendered is what an overlay renders.
type rendered struct {
	all       []runtime.Object
	workloads []workload
	settings  map[string]corev1.ConfigMap
}

// render renders an overlay as `kubectl kustomize` does, and decodes it as the API server does with strict validation: a
// field that the schema does not know, or of another type, is a fault.
func render(t *testing.T, overlay string) rendered {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
		rbacv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../kubernetes/overlays/"+overlay)
	if err != nil {
		t.Fatal(err)
	}
	out := rendered{settings: map[string]corev1.ConfigMap{}}
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", r.CurId(), err, text)
		}
		out.all = append(out.all, object)
		switch o := object.(type) {
		case *appsv1.Deployment:
			out.workloads = append(out.workloads, workload{o.Name, o.Spec.Replicas, o.Spec.Selector, o.Spec.Template})
		case *appsv1.StatefulSet:
			out.workloads = append(out.workloads, workload{o.Name, o.Spec.Replicas, o.Spec.Selector, o.Spec.Template})
		case *batchv1.Job:
			out.workloads = append(out.workloads, workload{name: o.Name, pod: o.Spec.Template})
		case *corev1.ConfigMap:
			out.settings[o.Name] = *o
		}
	}
	return out
}

func TestOverlaysRenderWhatKubernetesTakes(t *testing.T) {
	for overlay, want := range map[string]map[string]int32{
		"single":  {"nats": 1, "collector": 1, "executor": 1, "gateway": 1, "auditor": 1, "simulator": 1, "keys": 0, "streams": 0},
		"cluster": {"nats": 3, "collector": 2, "executor": 2, "gateway": 0, "auditor": 1, "keys": 0, "streams": 0}, // the autoscaler's to say
	} {
		t.Run(overlay, func(t *testing.T) {
			r := render(t, overlay)
			got := map[string]int32{}
			for _, w := range r.workloads {
				if got[w.name] = 0; w.replicas != nil {
					got[w.name] = *w.replicas
				}
				w.check(t, r)
			}
			for name, n := range want {
				if got[name] != n {
					t.Errorf("%d of %s, want %d", got[name], name, n)
				}
			}
			if len(got) != len(want) {
				t.Errorf("workloads: %v", got)
			}
			r.checkSelectors(t)
			r.checkNetwork(t)
			r.checkKeys(t)
		})
	}
}

func TestACluster(t *testing.T) {
	r := render(t, "cluster")
	scaled, replicas := false, ""
	for _, o := range r.all {
		if h, ok := o.(*autoscalingv2.HorizontalPodAutoscaler); ok {
			scaled = h.Spec.ScaleTargetRef.Name == "gateway" && *h.Spec.MinReplicas >= 2
		}
	}
	for _, c := range r.settings {
		if v, ok := c.Data["HOURGLASS_REPLICAS"]; ok {
			replicas = v
		}
		if conf, ok := c.Data["nats.conf"]; ok && (!strings.Contains(conf, "cluster {") || !strings.Contains(conf, "sync_interval: always")) {
			t.Errorf("nats.conf is not that of a cluster which syncs always:\n%s", conf)
		}
	}
	if !scaled {
		t.Error("nobody scales the gateways")
	}
	if replicas != "3" {
		t.Errorf("streams have %q copies, want 3", replicas)
	}
}

// check holds a workload to the rules of the house: locked down, probed, bounded, and referring only to what is there.
func (w *workload) check(t *testing.T, r rendered) {
	t.Helper()
	spec := &w.pod.Spec
	if s := spec.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil {
		t.Errorf("%s may run as root or without seccomp", w.name)
	}
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken && w.name != "keys" {
		t.Errorf("%s is given a token of Kubernetes", w.name)
	}
	for i := range spec.Containers {
		c := &spec.Containers[i]
		s := c.SecurityContext
		if s == nil || !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" {
			t.Errorf("%s is not locked down: %+v", c.Name, s)
		}
		if w.selector != nil && (c.StartupProbe == nil || c.LivenessProbe == nil || c.ReadinessProbe == nil) {
			t.Errorf("%s has not all probes", c.Name)
		}
		if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
			t.Errorf("%s is not bounded", c.Name)
		}
		if _, tag, ok := strings.Cut(c.Image, ":"); !ok || tag == "latest" {
			t.Errorf("%s: the image %s has no version", c.Name, c.Image)
		}
		for _, from := range c.EnvFrom {
			if _, known := r.settings[from.ConfigMapRef.Name]; !known {
				t.Errorf("%s: no settings %s", c.Name, from.ConfigMapRef.Name)
			}
		}
		for _, v := range c.Env {
			if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
				t.Errorf("%s: the secret %s stands in the environment, not in a file", c.Name, v.Name)
			}
		}
	}
	for _, v := range spec.Volumes {
		var files []string
		if v.ConfigMap != nil {
			files = append(files, v.ConfigMap.Name)
		}
		if v.Projected != nil {
			for _, s := range v.Projected.Sources {
				if s.ConfigMap != nil {
					files = append(files, s.ConfigMap.Name)
				}
			}
		}
		for _, name := range files {
			if _, known := r.settings[name]; !known {
				t.Errorf("%s: no file %s", w.name, name)
			}
		}
	}
}

// checkSelectors checks that what selects pods selects some.
func (r rendered) checkSelectors(t *testing.T) {
	t.Helper()
	matches := func(what string, s labels.Selector) {
		for _, w := range r.workloads {
			if s.Matches(labels.Set(w.pod.Labels)) {
				return
			}
		}
		t.Errorf("%s selects no pod", what)
	}
	selector := func(what string, s *metav1.LabelSelector) {
		parsed, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		matches(what, parsed)
	}
	budgets := map[string]bool{}
	for _, o := range r.all {
		switch o := o.(type) {
		case *corev1.Service:
			matches("service "+o.Name, labels.SelectorFromSet(o.Spec.Selector))
		case *policyv1.PodDisruptionBudget:
			selector("budget "+o.Name, o.Spec.Selector)
			budgets[o.Name] = true
		case *networkingv1.NetworkPolicy:
			selector("policy "+o.Name, &o.Spec.PodSelector)
		}
	}
	for _, w := range r.workloads {
		if w.selector == nil {
			continue
		}
		selector(w.name, w.selector)
		if w.name != "simulator" && w.name != "auditor" && !budgets[w.name] { // of which there is one, and nobody's order hangs on it
			t.Errorf("%s has no disruption budget", w.name)
		}
	}
}

// checkNetwork checks that all is refused unless said otherwise, and that the gateway's port alone is open to everybody.
func (r rendered) checkNetwork(t *testing.T) {
	t.Helper()
	closed := false
	for _, o := range r.all {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		everybody := len(p.Spec.PodSelector.MatchLabels)+len(p.Spec.PodSelector.MatchExpressions) == 0
		closed = closed || everybody && len(p.Spec.PolicyTypes) == 2 && len(p.Spec.Ingress) == 0
		for _, in := range p.Spec.Ingress {
			if len(in.From) == 0 && (p.Spec.PodSelector.MatchLabels["app"] != "gateway" || len(in.Ports) != 1 || in.Ports[0].Port.IntValue() != 8000) {
				t.Errorf("policy %s lets everybody in", p.Name)
			}
		}
	}
	if !closed {
		t.Error("what no policy speaks of is open")
	}
}
