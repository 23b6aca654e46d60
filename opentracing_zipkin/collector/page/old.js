// Runs only in browsers without modules, and tells the user so.
document.addEventListener("DOMContentLoaded", function () {
  var line = document.createElement("p");
  line.className = "needs";
  line.appendChild(document.createTextNode("This page needs a browser of 2022 or newer (JavaScript modules)."));
  document.body.insertBefore(line, document.body.firstChild);
});
