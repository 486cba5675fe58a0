// Package recipes is the code of docs/recipes.md. Its tests run each recipe.
package recipes
