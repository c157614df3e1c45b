// Hello is the program of the bootstrap's slice: the least that the compiler, the assembler and the linker make together.
package main

func main() {
	println("hello, made in WebAssembly")
}
