# Sourced: how Swift is called. One release build serves the tests and the program that they and `up` run: optimised, with
# assertions on and internals open to tests. What is shipped is built by `scripts/build --ship`, without these.

# Without colours, since what a terminal adds for them would make every build there one from scratch.
test_build_flags=(-c release --no-color-diagnostics -Xswiftc -enable-testing -Xswiftc -assert-config -Xswiftc Debug)
