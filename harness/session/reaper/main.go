// Command reaper removes what a test process left on the engine once that process is gone.
package main

func main() {}
