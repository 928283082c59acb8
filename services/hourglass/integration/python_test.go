package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The package is installed as a user would, without an index of packages, and tested as it was installed.
func TestThePythonPackage(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no Python here")
	}
	p := up(t, "--market", "sim", "--data", t.TempDir())
	python := installedPython(t)
	run := exec.CommandContext(t.Context(), python, "-B", "-m", "unittest", "discover", "tests")
	run.Dir, run.Env = pythonPackage, append(os.Environ(), "HOURGLASS_URL="+p.url)
	if text, err := run.CombinedOutput(); err != nil {
		t.Errorf("its tests: %v\n%s", err, text)
	}
}

const pythonPackage = "../../gateway/clients/python"

// installedPython returns a Python that has the package.
func installedPython(t *testing.T) string {
	t.Helper()
	venv := filepath.Join(t.TempDir(), "venv")
	if text, err := exec.CommandContext(t.Context(), "python3", "-m", "venv", venv).CombinedOutput(); err != nil {
		t.Skipf("Python makes no environments here: %v\n%s", err, text) // Debian leaves that to python3-venv
	}
	python := filepath.Join(venv, "bin", "python")
	install := exec.CommandContext(t.Context(), python, "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", pythonPackage)
	if text, err := install.CombinedOutput(); err != nil {
		t.Fatalf("pip install: %v\n%s", err, text)
	}
	return python
}
