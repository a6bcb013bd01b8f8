# Sourced: how Swift is called. One release build serves the tests and the program that they and `up` run: optimised, with
# assertions on and internals open to tests. What is shipped is built by `scripts/build --ship`, without these.

test_build_flags=(-c release -Xswiftc -enable-testing -Xswiftc -assert-config -Xswiftc Debug)
