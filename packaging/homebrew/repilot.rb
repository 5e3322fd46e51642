# Untried: a release fills in ADDRESS, VERSION and CHECKSUM (packaging/README.md).
class Repilot < Formula
  desc "Mass campaigns over Windows Autopilot devices, under Graph's throttling"
  homepage "ADDRESS"
  url "ADDRESS/repilot-VERSION.tar.gz"
  sha256 "CHECKSUM"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "crates/cli")
    generate_completions_from_executable(bin/"repilot", "completions")
    mkdir "man"
    system bin/"repilot", "man-pages", "man"
    man1.install Dir["man/*.1"]
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/repilot --version")
  end
end
